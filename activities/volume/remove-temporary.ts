import type { VolumeActivities } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CLAIMS, PERSISTENT_VOLUMES, PODS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import type { Pulse } from '../heartbeat.ts';
import { groupKinds, SNAPSHOT_CONTENTS, VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';
import { RUN_LABEL, runLabel } from './temporary.ts';
import { unmarkClaims } from './unmark-claims.ts';

const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };
const FIELD_MANAGER = 'holdfast';

export interface RemoveTemporaryWork {
  readonly cluster: Cluster;
  readonly input: Parameters<VolumeActivities['removeTemporary']>[0];
  readonly pulse: Pulse;
}

/**
 * Deletes everything that a run has made for itself in some namespaces: pods first, then what they mount, then what that was made from, groups
 * before their members.
 */
export async function removeTemporary(work: RemoveTemporaryWork): Promise<void> {
  const { input, cluster, pulse } = work;
  const hasSnapshots = await serves(work, VOLUME_SNAPSHOTS);
  const contents = hasSnapshots ? await keptContents(work) : [];
  const groups = input.groups === undefined ? undefined : await groupKinds(cluster, pulse.signal);
  const types = [PODS, SECRETS, CLAIMS, ...(groups ? [groups.snapshots] : []), ...(hasSnapshots ? [VOLUME_SNAPSHOTS] : [])];
  for (const type of types) for (const namespace of input.namespaces) await removeAll(work, { type, namespace });
  for (const group of input.groups ?? []) await unmarkClaims(cluster, group, pulse.signal);
  // They outlive their snapshots, by what was asked of them. With them goes, or stays, what they stand for.
  for (const content of contents) await remove(work, content);
}

/** Those of snapshots that were to be kept. They are let go with their snapshots when no backup will name them. */
async function keptContents(work: RemoveTemporaryWork): Promise<readonly ObjectRef[]> {
  const { keptSnapshots } = work.input;
  if (keptSnapshots === undefined) return [];
  const contents = await labelled(work, { type: SNAPSHOT_CONTENTS });
  if (keptSnapshots === 'delete') for (const content of contents) await patch(work, content, { spec: { deletionPolicy: 'Delete' } });
  return contents;
}

async function removeAll(work: RemoveTemporaryWork, where: { readonly type: ResourceType; readonly namespace: string }): Promise<void> {
  for (const ref of await labelled(work, where)) {
    if (where.type === CLAIMS) await loseVolumeWith(work, ref);
    await remove(work, ref);
  }
}

/** A class may say that volumes outlive their claims. A temporary one has nothing that is worth that. */
async function loseVolumeWith(work: RemoveTemporaryWork, ref: ObjectRef): Promise<void> {
  const { cluster, pulse } = work;
  const claim = await cluster.get(ref, { signal: pulse.signal });
  const name = textAt(claim?.object, 'spec', 'volumeName');
  if (name === '') return;
  const volume: ObjectRef = { type: PERSISTENT_VOLUMES, namespace: '', name };
  const bound = await cluster.get(volume, { signal: pulse.signal });
  const isItsOwn = textAt(bound?.object, 'spec', 'claimRef', 'uid') === textAt(claim?.object, 'metadata', 'uid');
  if (!isItsOwn || textAt(bound?.object, 'spec', 'persistentVolumeReclaimPolicy') === 'Delete') return;
  await patch(work, volume, { spec: { persistentVolumeReclaimPolicy: 'Delete' } });
}

async function serves({ cluster, pulse }: RemoveTemporaryWork, { group, resource }: ResourceType): Promise<boolean> {
  const { types } = await cluster.discover({ signal: pulse.signal });
  return types.some((type) => type.group === group && type.resource === resource);
}

async function labelled(
  { cluster, input, pulse }: RemoveTemporaryWork,
  where: { readonly type: ResourceType; readonly namespace?: string },
): Promise<readonly ObjectRef[]> {
  const objects = await listAll(cluster, { ...where, labelSelector: `${RUN_LABEL}=${runLabel(input.runId)}` }, pulse.signal);
  const { type, namespace = '' } = where;
  return objects.map((object) => ({ type, namespace, name: textAt(object, 'metadata', 'name') }));
}

async function remove({ cluster, pulse }: RemoveTemporaryWork, ref: ObjectRef): Promise<void> {
  pulse.beat();
  await cluster.delete(ref, { signal: pulse.signal });
}

async function patch({ cluster, pulse }: RemoveTemporaryWork, ref: ObjectRef, change: JsonObject): Promise<void> {
  pulse.beat();
  await cluster.patch(ref, change, { fieldManager: FIELD_MANAGER, signal: pulse.signal });
}
