import { setTimeout as delay } from 'node:timers/promises';
import type { RestoreVolumeInput } from '../../contracts/activities.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { KeptSnapshot, RestoredVolume } from '../../contracts/volume.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { offeredSnapshot } from '../../domain/volume/offered-snapshot.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CLAIMS } from '../capture/builtin-types.ts';
import type { Pulse } from '../heartbeat.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import { SNAPSHOT_CONTENTS, VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';
import { temporaryMetadata } from './temporary.ts';

const POLL_MS = 500;

export interface OfferWork {
  readonly cluster: Cluster;
  readonly input: RestoreVolumeInput;
  readonly pulse: Pulse;
}

/** Makes the objects that stand for a kept snapshot, where the claim that is made from it will look for them. */
export async function offerSnapshot(work: OfferWork, kept: KeptSnapshot): Promise<void> {
  const { snapshot, content } = refsOf(work);
  const metadata = temporaryMetadata(work.input.runId, { namespace: snapshot.namespace, claim: work.input.volume.claim });
  const { labels } = metadata;
  await createOrAdopt(work, content, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotContent',
    metadata: { name: content.name, labels },
    spec: {
      // Whatever becomes of these objects: the snapshot is the backup's.
      deletionPolicy: 'Retain',
      driver: kept.driver,
      source: { snapshotHandle: kept.handle },
      sourceVolumeMode: work.input.volume.volumeMode,
      volumeSnapshotClassName: kept.snapshotClass,
      volumeSnapshotRef: {
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshot',
        name: snapshot.name,
        namespace: snapshot.namespace,
      },
    },
  });
  await createOrAdopt(work, snapshot, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { ...metadata, name: snapshot.name },
    spec: { volumeSnapshotClassName: kept.snapshotClass, source: { volumeSnapshotContentName: content.name } },
  });
}

/** Waits until the claim has its volume, then takes the objects away again. Those of a claim that is still unbound stay: it needs them. */
export async function awaitFromSnapshot(work: OfferWork): Promise<RestoredVolume> {
  const { cluster, input, pulse } = work;
  const { snapshot } = refsOf(work);
  const where = { namespace: snapshot.namespace, claim: input.volume.claim };
  const deadline = performance.now() + input.restore.options.readinessTimeoutMs;
  for (;;) {
    pulse.beat();
    const claim = await cluster.get({ type: CLAIMS, namespace: where.namespace, name: where.claim }, { signal: pulse.signal });
    if (!claim) return { ...where, outcome: 'failed', reason: 'its claim is not in the cluster', files: 0, bytes: 0 };
    const isFrom = textAt(claim.object, 'spec', 'dataSource', 'name') === snapshot.name;
    if (isFrom && textAt(claim.object, 'status', 'phase') === 'Bound') break;
    if (!isFrom)
      return withdraw(work, { ...where, outcome: 'left', reason: 'the claim was there before this restore', files: 0, bytes: 0 });
    if (performance.now() > deadline) {
      const reason = `its claim has no volume yet: the snapshot ${snapshot.namespace}/${snapshot.name} stays for it, delete it afterwards`;
      return { ...where, outcome: 'failed', reason, files: 0, bytes: 0 };
    }
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
  const bytes = input.volume.data?.kind === 'csi' ? input.volume.data.restoreBytes : 0;
  return withdraw(work, { ...where, outcome: 'restored', reason: '', files: 0, bytes });
}

async function withdraw(work: OfferWork, outcome: RestoredVolume): Promise<RestoredVolume> {
  const { snapshot, content } = refsOf(work);
  for (const ref of [snapshot, content]) await work.cluster.delete(ref, { signal: work.pulse.signal });
  return outcome;
}

function refsOf({ input }: OfferWork): { readonly snapshot: ObjectRef; readonly content: ObjectRef } {
  const { volume, restore } = input;
  const name = offeredSnapshot(restore.name, volume);
  const namespace = mapNamespace(restore.options.namespaceMapping, volume.namespace);
  return {
    snapshot: { type: VOLUME_SNAPSHOTS, namespace, name },
    content: { type: SNAPSHOT_CONTENTS, namespace: '', name: `${name}-${namespace}`.slice(0, 253) },
  };
}
