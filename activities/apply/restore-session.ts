import type { RestoreBatch } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { RestoreProjectInput } from '../../contracts/restore.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { isLeftBehind } from '../../domain/plan/storage-mapping.ts';
import { provisionedAnew } from '../../domain/plan/volume-reuse.ts';
import type { RestoreContext } from '../../domain/plan/restore-plan.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { orderSegments, type OrderedSegment } from '../../domain/resource/order.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import { compileSelection } from '../../domain/selection/matcher.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { CLAIMS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import { offeredSnapshot } from '../../domain/volume/offered-snapshot.ts';
import { CapturedNames } from './captured-names.ts';
import { readCatalogue } from './catalogue.ts';
import { capturedOf, isLost, LostRun, type LostObject } from './lost-objects.ts';
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
  /** Catalogues of the backup that cannot be read: this restore is without what they list. */
  readonly lostParts: readonly string[];
  /** What is missing because of it. */
  readonly errors: readonly Issue[];
}

export interface SessionInput {
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly restore: RestoreProjectInput;
  readonly manifest: BackupManifest;
  /**
   * The catalogues that the restore's preparation could not read: whoever works by its positions must leave out the same ones. Undefined to
   * find out.
   */
  readonly lostParts: readonly string[] | undefined;
}

export async function openSession({ cluster, repository, restore, manifest, lostParts }: SessionInput): Promise<RestoreSession> {
  const { parts, ...lost } = await readCatalogue(repository, manifest, lostParts);
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
  const data = restore.options.volumes === undefined ? [] : (manifest.volumes ?? []).filter((volume) => volume.data !== undefined);
  const filled = claimsOf(data.filter(({ namespace }) => matcher.takesType(CLAIMS) && matcher.takesNamespace(namespace)));
  const refills = (namespace: string, claim: string) => filled.has(`${namespace}/${claim}`);
  const volumes = await restoredVolumes({ cluster, repository, restore, refills }, ordered);
  const kept = claimsOf(data.filter((volume) => volume.data?.kind === 'csi'));
  const context: RestoreContext = {
    options: restore.options,
    selection: matcher,
    ownerPresent: (owner, namespace) => owners.present(owner, namespace),
    restoresVolume: (name) => volumes.has(name),
    refills,
    snapshotOf: (namespace, claim) => (kept.has(`${namespace}/${claim}`) ? offeredSnapshot(restore.name, { claim }) : ''),
  };
  return { cluster, repository, restore, ordered, context, owners, ...lost };
}

/** `namespace/claim` */
function claimsOf(volumes: readonly CapturedVolume[]): ReadonlySet<string> {
  return new Set(volumes.map(({ namespace, claim }) => `${namespace}/${claim}`));
}

interface VolumeSearch extends Pick<SessionInput, 'cluster' | 'repository' | 'restore'>, Pick<RestoreContext, 'refills'> {}

/** Names of the captured volumes that will be there: not those that are provisioned anew, unless they and their claims still live. */
async function restoredVolumes(
  { cluster, repository, restore: { options }, refills }: VolumeSearch,
  ordered: readonly OrderedSegment[],
): Promise<ReadonlySet<string>> {
  const volumes = new Set<string>();
  const segments = ordered.filter(({ type }) => resourceKey(type) === 'persistentvolumes');
  let lost: ResourceType | undefined;
  for await (const items of readItems(repository, segments)) {
    for (const item of items) {
      if (isLost(item)) {
        lost = item.run.type;
        continue;
      }
      const { object, type } = item;
      const name = textAt(object, 'metadata', 'name');
      if (isLeftBehind(object, type, options)) continue;
      if (provisionedAnew(object, type, { refills }) === '' || (await isHeld(cluster, type, name))) volumes.add(name);
    }
  }
  // A volume that cannot be read may live: its claim must keep to it, and not get an empty one.
  if (lost) for (const volume of await listAll(cluster, { type: lost })) volumes.add(textAt(volume, 'metadata', 'name'));
  return volumes;
}

/** Whether a live volume has its claim still, or waits for it. One whose claim is gone is bound to no other of the same name. */
async function isHeld(cluster: Cluster, type: ResourceType, name: string): Promise<boolean> {
  const live = await cluster.get({ type, namespace: '', name });
  return live !== undefined && textAt(live.object, 'status', 'phase') !== 'Released';
}

/** The segments of one batch. */
export function segmentsOf(session: RestoreSession, batch: RestoreBatch): readonly OrderedSegment[] {
  return session.ordered.slice(batch.from, batch.from + batch.segments);
}

/** The objects of some segments, segment by segment, with apiVersion and kind as they go over the wire; without those that cannot be read. */
export async function* readObjects(
  repository: Repository,
  segments: readonly OrderedSegment[],
  signal?: AbortSignal,
): AsyncGenerator<readonly CapturedObject[]> {
  for await (const items of readItems(repository, segments, signal)) yield capturedOf(items);
}

/** The same, with a placeholder for every object that cannot be read: the position of an object does not depend on damage. */
export async function* readItems(
  repository: Repository,
  segments: readonly OrderedSegment[],
  signal?: AbortSignal,
): AsyncGenerator<readonly (CapturedObject | LostObject)[]> {
  let position = 0;
  for await (const read of repository.readWhatIsLeft(
    segments.map(({ id }) => id),
    signal ? { signal } : {},
  )) {
    const segment = segments[position];
    position += 1;
    if (!segment) continue;
    const { type, wave } = segment;
    if ('damage' in read) yield new LostRun(segment, read.damage).objects;
    else yield read.records.map((record) => ({ type, wave, object: parseLossless(record.toString('utf8')) as JsonObject }));
  }
}
