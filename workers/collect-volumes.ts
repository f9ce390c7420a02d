import { HoldfastError } from '../contracts/failures.ts';
import type { ArchiveCall, VolumeArchive } from '../movers/volume-archive.ts';
import { announceSnapshots } from '../repository/gc/announce-snapshots.ts';
import type { GcOptions } from '../repository/gc/report.ts';
import type { VolumesGcReport } from '../repository/gc/volume-report.ts';
import { surveyVolumes, type SurveyedSnapshot, type SurveyedVolumes } from '../repository/gc/volume-survey.ts';
import { volumesPrefix } from '../repository/layout.ts';
import type { Repository } from '../repository/repository.ts';
import { sweepHiddenVersions } from './sweep-hidden-versions.ts';

export interface CollectVolumesOptions extends GcOptions {
  readonly signal: AbortSignal;
  /** How long to wait for movers that are at work, for each cluster. */
  readonly patienceMs: number;
}

/** Opens the restic repository of a cluster with the rights to delete. */
export type OpenArchive = (clusterUid: string) => Promise<VolumeArchive>;

/**
 * Forgets the snapshots of volumes that no backup needs any more, in the restic repositories of all clusters of a location, and frees their data:
 * docs/repository-format.md, "Volumes". Safe while backups run, and to be interrupted and repeated at any time. `Damaged`: it cannot be known what
 * is needed, and nothing was forgotten. What goes wrong with the volumes of one cluster is in its report and does not keep the others from being done.
 */
export async function collectVolumes(
  repository: Repository,
  open: OpenArchive,
  options: CollectVolumesOptions,
): Promise<readonly VolumesGcReport[]> {
  const reports: VolumesGcReport[] = [];
  for (const volumes of await surveyVolumes(repository.parts, options)) {
    const work = { repository, open, volumes };
    try {
      reports.push(options.dryRun ? await foresee(work, options) : await collect(work, options));
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof HoldfastError)) throw error;
      reports.push({ ...counts(volumes), forgotten: [], freedBytes: 0, freedObjects: 0, problem: error.message });
    }
  }
  return reports;
}

interface Work {
  readonly repository: Repository;
  readonly open: OpenArchive;
  readonly volumes: SurveyedVolumes;
}

async function foresee({ open, volumes }: Work, { signal }: CollectVolumesOptions): Promise<VolumesGcReport> {
  const archive = await open(volumes.cluster);
  const { forgotten, foreign } = await chosen(archive, volumes, { signal });
  const going = new Set(forgotten.map(({ snapshot }) => snapshot));
  const all = volumes.snapshots.map(({ id }) => id);
  const staying = all.filter((id) => !going.has(id));
  const bytes = async (ids: readonly string[]): Promise<number> => archive.storedBytes(ids, { signal });
  const freedBytes = going.size === 0 ? 0 : (await bytes(all)) - (await bytes(staying));
  return { ...counts(volumes), foreign, forgotten, freedBytes, freedObjects: going.size, problem: '' };
}

async function collect({ repository, open, volumes }: Work, options: CollectVolumesOptions): Promise<VolumesGcReport> {
  const { parts } = repository;
  const { cluster } = volumes;
  const archive = await open(cluster);
  const { forgotten, foreign } = await chosen(archive, volumes, options);
  const { serverTime: at, objectLock } = await parts.store.facts(options);
  const ids = forgotten.map(({ snapshot }) => snapshot);
  const going = new Set(await announceSnapshots(parts, { cluster, snapshots: ids, at }, options));
  const prefix = volumesPrefix(cluster);
  const call = {
    signal: options.signal,
    patienceMs: options.patienceMs,
    onProgress: (progress: { readonly step: string; readonly done: number; readonly total: number }) => options.onProgress?.(progress),
  };
  const swept = await sweepHiddenVersions({ store: parts.store, prefix }, options, async () => {
    await archive.forget([...going], call);
    // Also when nothing is forgotten: an earlier collection may have been killed in between, and movers leave what they had not finished.
    // What is locked cannot be stored anew in smaller pieces: only packs go of which nothing is needed.
    await archive.prune({ ...call, repack: objectLock !== true });
  });
  return {
    ...counts(volumes),
    foreign,
    forgotten: forgotten.filter(({ snapshot }) => going.has(snapshot)),
    freedBytes: swept.freedBytes,
    freedObjects: swept.freedObjects,
    problem:
      swept.locked === 0
        ? ''
        : `the store has locked ${swept.locked} files of what is not needed any more: their space is free when the locks end`,
  };
}

/** Of what may go, what movers have made: snapshots of somebody else's are none of ours to forget. */
async function chosen(
  archive: VolumeArchive,
  { snapshots }: SurveyedVolumes,
  { signal }: ArchiveCall,
): Promise<Pick<VolumesGcReport, 'forgotten' | 'foreign'>> {
  const unneeded = snapshots.filter(({ fate }) => fate === 'unneeded');
  if (unneeded.length === 0) return { forgotten: [], foreign: 0 };
  const ours = new Map((await archive.snapshots({ signal })).map((snapshot) => [snapshot.id, snapshot]));
  const forgotten = unneeded.flatMap(({ id }) => {
    const snapshot = ours.get(id);
    return snapshot ? [{ snapshot: id, volume: snapshot.host, backup: snapshot.backup, time: snapshot.time }] : [];
  });
  return { forgotten, foreign: unneeded.length - forgotten.length };
}

type Counts = Pick<VolumesGcReport, 'cluster' | 'needed' | 'young' | 'locked' | 'foreign' | 'lockedUntil'>;

function counts({ cluster, snapshots }: SurveyedVolumes): Counts {
  const of = (fate: SurveyedSnapshot['fate']): number => snapshots.filter((snapshot) => snapshot.fate === fate).length;
  const [lockedUntil = ''] = snapshots.flatMap(({ fate, until }) => (fate === 'locked' && until !== '' ? [until] : [])).sort();
  return { cluster, needed: of('needed'), young: of('young'), locked: of('locked'), foreign: 0, lockedUntil };
}
