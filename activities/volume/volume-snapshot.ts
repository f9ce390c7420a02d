import { setTimeout as delay } from 'node:timers/promises';
import type { CaptureVolumeInput } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { KeptSnapshot } from '../../contracts/volume.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import { parseQuantity } from '../../domain/resource/quantity.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import { SNAPSHOT_CONTENTS, VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';
import { RUN_LABEL, runLabel, temporaryMetadata, temporaryName } from './temporary.ts';

const POLL_MS = 250;
/** Drivers that have not cut a snapshot by then do not do it any more. */
const CUT_WITHIN_MS = 600_000;

export interface SnapshotWork {
  readonly cluster: Cluster;
  readonly input: CaptureVolumeInput;
  readonly pulse: Pulse;
}

/** Takes a snapshot of the volume and returns when it is cut: what is written from then on is not in it. It need not be usable yet. */
export async function takeSnapshot(work: SnapshotWork): Promise<void> {
  const { volume, runId } = work.input;
  await createOrAdopt(work, snapshotRef(work.input), {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: temporaryMetadata(runId, volume),
    spec: { volumeSnapshotClassName: volume.snapshotClass ?? '', source: { persistentVolumeClaimName: volume.claim } },
  });
  await waitFor(work, 'cut', ({ content }) => textAt(content, 'status', 'snapshotHandle') !== '' && hasTime(content));
}

/** Waits until volumes can be made from the snapshot; how many bytes they must have. */
export async function usableSnapshot(work: SnapshotWork): Promise<{ readonly name: string; readonly restoreBytes: number }> {
  const { snapshot } = await waitFor(work, 'ready to use', (seen) => field(seen.snapshot, 'status', 'readyToUse') === true);
  const restoreBytes = parseQuantity(textAt(snapshot, 'status', 'restoreSize')) ?? work.input.volume.capacityBytes;
  return { name: snapshotRef(work.input).name, restoreBytes };
}

/**
 * Lets the storage system keep the snapshot when the objects that stand for it are gone: a namespace that is deleted takes its VolumeSnapshots
 * with it. The label lets `removeTemporary` find it again when the backup does not come about.
 */
export async function keepSnapshot(work: SnapshotWork): Promise<KeptSnapshot> {
  const { cluster, input, pulse } = work;
  const { restoreBytes } = await usableSnapshot(work);
  const { content } = await waitFor(work, 'ready to use', () => true);
  const ref: ObjectRef = { type: SNAPSHOT_CONTENTS, namespace: '', name: textAt(content, 'metadata', 'name') };
  const kept = { metadata: { labels: { [RUN_LABEL]: runLabel(input.runId) } }, spec: { deletionPolicy: 'Retain' } };
  await cluster.patch(ref, kept, { fieldManager: 'holdfast', signal: pulse.signal });
  return {
    kind: 'csi',
    driver: textAt(content, 'spec', 'driver'),
    handle: textAt(content, 'status', 'snapshotHandle'),
    snapshotClass: input.volume.snapshotClass ?? '',
    restoreBytes,
  };
}

interface Seen {
  readonly snapshot: JsonObject;
  /** Empty while there is none. */
  readonly content: JsonObject;
}

async function waitFor(work: SnapshotWork, what: string, holds: (seen: Seen) => boolean): Promise<Seen> {
  const { volume } = work.input;
  const deadline = performance.now() + CUT_WITHIN_MS;
  for (;;) {
    work.pulse.beat();
    const seen = await look(work);
    if (holds(seen) && Object.keys(seen.content).length > 0) return seen;
    if (performance.now() > deadline) {
      const reason = textAt(seen.snapshot, 'status', 'error', 'message') || 'the driver says nothing';
      throw new HoldfastError(
        // The application is held until there is a snapshot; what is made of it afterwards may take hours, and is worth waiting for.
        what === 'cut' ? FailureType.NotFound : FailureType.Unavailable,
        `snapshot of claim ${volume.namespace}/${volume.claim} was not ${what} within ten minutes: ${reason}`,
        { advice: 'see `kubectl describe volumesnapshot` and the log of the csi-snapshotter of the driver' },
      );
    }
    await delay(POLL_MS, undefined, { signal: work.pulse.signal });
  }
}

async function look({ cluster, input, pulse }: SnapshotWork): Promise<Seen> {
  const ref = snapshotRef(input);
  const snapshot = (await cluster.get(ref, { signal: pulse.signal }))?.object;
  if (!snapshot) throw new HoldfastError(FailureType.NotFound, `the snapshot ${ref.namespace}/${ref.name} was deleted by somebody else`);
  const name = textAt(snapshot, 'status', 'boundVolumeSnapshotContentName');
  if (name === '') return { snapshot, content: {} };
  const content = await cluster.get({ type: SNAPSHOT_CONTENTS, namespace: '', name }, { signal: pulse.signal });
  return { snapshot, content: content?.object ?? {} };
}

function hasTime(content: JsonObject): boolean {
  return field(content, 'status', 'creationTime') !== undefined;
}

function snapshotRef({ runId, volume, snapshot }: CaptureVolumeInput): ObjectRef {
  return { type: VOLUME_SNAPSHOTS, namespace: volume.namespace, name: snapshot ?? temporaryName(runId, volume) };
}
