import type { JsonObject } from '../../contracts/json.ts';
import type { BackupManifest, CapturedResource, CapturePart } from '../../contracts/manifest.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { diffInventories, type BackupDiff, type InventoryObject } from '../../domain/plan/backup-diff.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { planBackup } from '../capture/plan-backup.ts';
import { selectedObjects } from './preview-backup.ts';

/** What changed from one backup to another. Segments that both have are equal by their names and are not read. */
export async function diffBackups(repository: Repository, before: BackupManifest, after: BackupManifest): Promise<BackupDiff> {
  const [old, current] = await Promise.all([resourcesOf(repository, before), resourcesOf(repository, after)]);
  const [oldKeys, currentKeys] = [keysOf(old), keysOf(current)];
  return diffInventories(await inventory(repository, old, currentKeys), await inventory(repository, current, oldKeys));
}

/** What changed in the cluster since a backup, for what the same selection takes now. */
export async function diffLive(repository: Repository, before: BackupManifest, cluster: Cluster): Promise<BackupDiff> {
  const signal = AbortSignal.any([]);
  const input = { name: before.name, cluster: cluster.name, location: '', selection: before.selection };
  const live: InventoryObject[] = [];
  for await (const found of selectedObjects(cluster, await planBackup(cluster, input, signal), signal)) {
    if ('error' in found) throw found.error;
    live.push(found);
  }
  return diffInventories(await inventory(repository, await resourcesOf(repository, before), new Set()), live);
}

async function resourcesOf(repository: Repository, manifest: BackupManifest): Promise<readonly CapturedResource[]> {
  const parts = await Promise.all(manifest.parts.map(async (id) => (await repository.readDocument(id)) as CapturePart));
  return parts.flatMap((part) => part.resources);
}

function keysOf(resources: readonly CapturedResource[]): ReadonlySet<string> {
  return new Set(resources.flatMap((resource) => resource.segments.map(({ id }) => keyOf(resource, id))));
}

/** The same bytes under another kind or namespace are other objects. */
function keyOf({ type, namespace }: CapturedResource, segment: string): string {
  return `${resourceKey(type)}/${namespace}/${segment}`;
}

async function inventory(
  repository: Repository,
  resources: readonly CapturedResource[],
  known: ReadonlySet<string>,
): Promise<readonly InventoryObject[]> {
  const objects: InventoryObject[] = [];
  for (const resource of resources) {
    const ids = resource.segments.map(({ id }) => id).filter((id) => !known.has(keyOf(resource, id)));
    for await (const { records } of repository.readSegments(ids)) {
      for (const record of records) objects.push({ type: resource.type, object: parseLossless(record.toString('utf8')) as JsonObject });
    }
  }
  return objects;
}
