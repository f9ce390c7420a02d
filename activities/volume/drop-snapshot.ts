import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { KeptSnapshot } from '../../contracts/volume.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { listAll } from '../capture/list-all.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import { SNAPSHOT_CONTENTS, VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';

const POLL_MS = 250;
/** Where the VolumeSnapshot is made: the volume's namespace need not be there any more. */
const NAMESPACE = 'default';
const API_VERSION = 'snapshot.storage.k8s.io/v1';

export interface DropWork {
  readonly cluster: Cluster;
  readonly kept: KeptSnapshot;
  /** How long the driver may take for each step. */
  readonly patienceMs: number;
  readonly pulse: { readonly signal: AbortSignal; readonly beat: () => void };
}

/**
 * Lets the storage system delete a snapshot that it has kept for us: objects that stand for it are made, with the policy to delete what they stand for, and deleted. Returns
 * when they are gone. May be repeated, also when the snapshot is gone. `Conflict` while somebody's VolumeSnapshot stands for it; `Unavailable` when the
 * driver does not do it in time.
 */
export async function dropSnapshot(work: DropWork): Promise<void> {
  const name = `holdfast-drop-${createHash('sha256').update(`${work.kept.driver}\n${work.kept.handle}`).digest('hex').slice(0, 20)}`;
  const content: ObjectRef = { type: SNAPSHOT_CONTENTS, namespace: '', name };
  const snapshot: ObjectRef = { type: VOLUME_SNAPSHOTS, namespace: NAMESPACE, name };
  await removeOthers(work, name);
  await offer(work, { content, snapshot });
  await awaitState(work, { ref: content, what: 'taken up', holds: (seen) => seen === undefined || isTakenUp(seen) });
  await work.cluster.delete(snapshot, { signal: work.pulse.signal });
  await awaitGone(work, snapshot);
  // Its controller does it, too; it may have seen the deletion before the policy.
  await work.cluster.delete(content, { signal: work.pulse.signal });
  await awaitGone(work, content);
}

/** What the capture left standing for the snapshot, with the policy to retain it: two that stand for one would disturb each other. */
async function removeOthers(work: DropWork, own: string): Promise<void> {
  const { cluster, kept, pulse } = work;
  for (const content of await listAll(cluster, { type: SNAPSHOT_CONTENTS }, pulse.signal)) {
    const name = textAt(content, 'metadata', 'name');
    const handle = textAt(content, 'status', 'snapshotHandle') || textAt(content, 'spec', 'source', 'snapshotHandle');
    if (name === own || handle !== kept.handle || textAt(content, 'spec', 'driver') !== kept.driver) continue;
    await refuseWhileInUse(work, content);
    if (textAt(content, 'spec', 'deletionPolicy') !== 'Retain') {
      throw new HoldfastError(FailureType.Conflict, `snapshot ${kept.handle}: VolumeSnapshotContent ${name} of somebody else deletes it`);
    }
    const ref: ObjectRef = { type: SNAPSHOT_CONTENTS, namespace: '', name };
    await cluster.delete(ref, { signal: pulse.signal });
    await awaitGone(work, ref);
  }
}

async function refuseWhileInUse({ cluster, kept, pulse }: DropWork, content: JsonObject): Promise<void> {
  const [namespace, name] = ['namespace', 'name'].map((key) => textAt(content, 'spec', 'volumeSnapshotRef', key));
  if (namespace === undefined || name === undefined || name === '') return;
  const user = await cluster.get({ type: VOLUME_SNAPSHOTS, namespace, name }, { signal: pulse.signal });
  if (!user) return;
  throw new HoldfastError(FailureType.Conflict, `snapshot ${kept.handle}: VolumeSnapshot ${namespace}/${name} uses it`, {
    advice: 'delete that one first',
  });
}

async function offer(work: DropWork, { content, snapshot }: { readonly content: ObjectRef; readonly snapshot: ObjectRef }): Promise<void> {
  const { kept } = work;
  const labels = { 'app.kubernetes.io/managed-by': 'holdfast', 'velero.io/exclude-from-backup': 'true' };
  await createOrAdopt(work, content, {
    apiVersion: API_VERSION,
    kind: 'VolumeSnapshotContent',
    metadata: { name: content.name, labels },
    spec: {
      deletionPolicy: 'Delete',
      driver: kept.driver,
      source: { snapshotHandle: kept.handle },
      volumeSnapshotClassName: kept.snapshotClass,
      volumeSnapshotRef: { apiVersion: API_VERSION, kind: 'VolumeSnapshot', name: snapshot.name, namespace: snapshot.namespace },
    },
  });
  await createOrAdopt(work, snapshot, {
    apiVersion: API_VERSION,
    kind: 'VolumeSnapshot',
    metadata: { name: snapshot.name, namespace: snapshot.namespace, labels },
    spec: { volumeSnapshotClassName: kept.snapshotClass, source: { volumeSnapshotContentName: content.name } },
  });
}

/** Bound, and protected until the driver has done its part: deleted before, it would go without the snapshot. */
function isTakenUp(content: JsonObject): boolean {
  return textAt(content, 'spec', 'volumeSnapshotRef', 'uid') !== '' && listAt(content, 'metadata', 'finalizers').length > 0;
}

interface Wait {
  readonly ref: ObjectRef;
  readonly what: string;
  readonly holds: (seen: JsonObject | undefined) => boolean;
}

function awaitGone(work: DropWork, ref: ObjectRef): Promise<void> {
  return awaitState(work, { ref, what: 'deleted', holds: (seen) => seen === undefined });
}

async function awaitState(work: DropWork, { ref, what, holds }: Wait): Promise<void> {
  const { cluster, kept, patienceMs, pulse } = work;
  const deadline = performance.now() + patienceMs;
  for (;;) {
    pulse.beat();
    const seen = (await cluster.get(ref, { signal: pulse.signal }))?.object;
    if (holds(seen)) return;
    if (performance.now() > deadline) {
      const reason = textAt(seen, 'status', 'error', 'message') || 'the driver says nothing';
      throw new HoldfastError(
        FailureType.Unavailable,
        `snapshot ${kept.handle}: ${ref.type.kind} ${ref.name} was not ${what} in time: ${reason}`,
        {
          advice: `see the log of the csi-snapshotter of ${kept.driver}`,
        },
      );
    }
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
}
