import type { RestoreBatch } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { BackupManifest, CapturePart } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { RestoreProjectInput } from '../../contracts/restore.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { isProvisionedAnew } from '../../domain/plan/volume-reuse.ts';
import type { RestoreContext } from '../../domain/plan/restore-plan.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { orderSegments, type OrderedSegment } from '../../domain/resource/order.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import { compileSelection } from '../../domain/selection/matcher.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { CapturedNames } from './captured-names.ts';
import { OwnerDirectory } from './owner-directory.ts';

/** A captured object at its place. */
export interface CapturedObject {
  readonly type: ResourceType;
  readonly object: JsonObject;
  readonly wave: number;
}

/**
 * One restore as every one of its activities sees it: the selected segments in their order, and what single objects need to know about the
 * whole. It is computed anew from the backup each time, and always comes out the same.
 */
export interface RestoreSession {
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly restore: RestoreProjectInput;
  readonly ordered: readonly OrderedSegment[];
  readonly context: RestoreContext;
  readonly owners: OwnerDirectory;
}

export interface SessionInput {
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly restore: RestoreProjectInput;
  readonly manifest: BackupManifest;
}

export async function openSession({ cluster, repository, restore, manifest }: SessionInput): Promise<RestoreSession> {
  const parts = await Promise.all(manifest.parts.map(async (id) => (await repository.readDocument(id)) as CapturePart));
  const all = orderSegments(parts);
  const { selection } = restore.options;
  const types = manifest.kinds.map((kind) => kind.type);
  const chosen = compileSelection(selection, { types });
  const inUse = all.filter(({ type, namespace }) => type.namespaced && chosen.takesType(type) && chosen.takesNamespace(namespace));
  const matcher = compileSelection(selection, {
    types,
    references: mergeReferences(parts.map((part) => part.references)),
    namespacesInUse: new Set(inUse.map(({ namespace }) => namespace)),
  });
  const ordered = all.filter(({ type, namespace }) => matcher.takesType(type) && matcher.takesNamespace(namespace));

  const names = new CapturedNames(repository, ordered);
  const owners = new OwnerDirectory({ cluster, names, mapping: restore.options.namespaceMapping, types });
  const volumes = await restoredVolumes(cluster, repository, ordered);
  const context: RestoreContext = {
    options: restore.options,
    selection: matcher,
    ownerPresent: (owner, namespace) => owners.present(owner, namespace),
    restoresVolume: (name) => volumes.has(name),
  };
  return { cluster, repository, restore, ordered, context, owners };
}

/** Names of the captured volumes that will be there: not those whose storage went with them, unless they still live. */
async function restoredVolumes(cluster: Cluster, repository: Repository, ordered: readonly OrderedSegment[]): Promise<ReadonlySet<string>> {
  const volumes = new Set<string>();
  const segments = ordered.filter(({ type }) => resourceKey(type) === 'persistentvolumes');
  for await (const objects of readObjects(repository, segments)) {
    for (const { object, type } of objects) {
      const name = textAt(object, 'metadata', 'name');
      if (!isProvisionedAnew(object, type) || (await cluster.get({ type, namespace: '', name })) !== undefined) volumes.add(name);
    }
  }
  return volumes;
}

/** The segments of one batch. */
export function segmentsOf(session: RestoreSession, batch: RestoreBatch): readonly OrderedSegment[] {
  return session.ordered.slice(batch.from, batch.from + batch.segments);
}

/** The objects of some segments, segment by segment, with apiVersion and kind as they go over the wire. */
export async function* readObjects(
  repository: Repository,
  segments: readonly OrderedSegment[],
  signal?: AbortSignal,
): AsyncGenerator<readonly CapturedObject[]> {
  let position = 0;
  for await (const { records } of repository.readSegments(
    segments.map(({ id }) => id),
    signal ? { signal } : {},
  )) {
    const segment = segments[position];
    position += 1;
    if (!segment) continue;
    const { type, wave } = segment;
    yield records.map((record) => ({ type, wave, object: parseLossless(record.toString('utf8')) as JsonObject }));
  }
}
