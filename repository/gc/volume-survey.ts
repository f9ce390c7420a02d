import { HoldfastError } from '../../contracts/failures.ts';
import { neededSnapshots } from '../chain-entries.ts';
import { hexNameOf, VOLUMES, volumeSnapshotKey } from '../layout.ts';
import type { RepositoryParts } from '../repository.ts';
import type { StoredObject } from '../../storage/object-store.ts';
import { lockOf } from './removals.ts';
import type { GcOptions } from './report.ts';

/**
 * Why a snapshot of a volume is there: `needed`: a backup names it; `young`: none does, and it is newer than the grace: the backup that made it may still run;
 * `locked`: none needs it, and a lock of the store keeps it; `unneeded`: it may go.
 */
type SnapshotFate = 'needed' | 'young' | 'locked' | 'unneeded';

export interface SurveyedSnapshot {
  readonly id: string;
  readonly fate: SnapshotFate;
  /** ISO-8601: when it may go at the earliest; '' when nobody can say, or it is needed. */
  readonly until: string;
}

/** The restic repository of one cluster in a location. */
export interface SurveyedVolumes {
  /** uid of the cluster. */
  readonly cluster: string;
  readonly objects: number;
  readonly bytes: number;
  /** By id. */
  readonly snapshots: readonly SurveyedSnapshot[];
}

/**
 * Says of every snapshot in the restic repositories of a location whether a backup needs it. Age is told by the store's clock, from when the snapshot was
 * finished. `Damaged` when the chain cannot be read as a whole: then it is not known what is needed.
 */
export async function surveyVolumes(parts: RepositoryParts, options: GcOptions): Promise<readonly SurveyedVolumes[]> {
  const { store } = parts;
  const now = Date.parse((await store.facts(options)).serverTime);
  const { entries, problems } = await parts.chain.read(options);
  const [problem] = problems;
  if (problem) {
    throw new HoldfastError('Damaged', `${problem.message}; no volume was touched, since it is not known which are needed`, {
      advice: 'see "holdfast repository check"',
    });
  }
  const needed = neededSnapshots(entries);
  const found: SurveyedVolumes[] = [];
  for (const [cluster, { objects, bytes, files }] of await listVolumes(parts, options)) {
    const snapshots: SurveyedSnapshot[] = [];
    for (const file of files) {
      const id = hexNameOf(file.key) ?? '';
      const oldEnough = Date.parse(file.modifiedAt) + options.graceMs;
      if (needed.has(id)) snapshots.push({ id, fate: 'needed', until: '' });
      else if (oldEnough > now) snapshots.push({ id, fate: 'young', until: new Date(oldEnough).toISOString() });
      else snapshots.push({ id, ...(await lockFate(parts, file.key, options)) });
    }
    found.push({ cluster, objects, bytes, snapshots });
  }
  return found;
}

async function lockFate({ store }: RepositoryParts, key: string, options: GcOptions): Promise<Pick<SurveyedSnapshot, 'fate' | 'until'>> {
  const outcome = await lockOf(store, key, options);
  return outcome === 'deleted' ? { fate: 'unneeded', until: '' } : { fate: 'locked', until: outcome.lockedUntil };
}

interface VolumeFiles {
  objects: number;
  bytes: number;
  /** restic's own mark: without it this is what is left of a repository that was never finished. */
  isRepository: boolean;
  /** Those of snapshots. */
  readonly files: StoredObject[];
}

/** By the cluster's uid. */
async function listVolumes({ store }: RepositoryParts, options: GcOptions): Promise<ReadonlyMap<string, VolumeFiles>> {
  const found = new Map<string, VolumeFiles>();
  options.onProgress?.({ step: 'listing volume data', done: 0, total: 0 });
  for await (const object of store.list(VOLUMES, options)) {
    const [, cluster = '', name] = object.key.split('/');
    if (name === undefined) continue;
    const files = found.get(cluster) ?? { objects: 0, bytes: 0, isRepository: false, files: [] };
    found.set(cluster, files);
    files.objects += 1;
    files.bytes += object.sizeBytes;
    if (name === 'config') files.isRepository = true;
    const id = hexNameOf(object.key);
    if (id !== undefined && object.key === volumeSnapshotKey(cluster, id)) files.files.push(object);
  }
  return new Map([...found].filter(([, { isRepository }]) => isRepository));
}
