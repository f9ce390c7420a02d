import type { Issue } from '../contracts/outcome.ts';
import { collectGarbage } from '../repository/gc/collect-garbage.ts';
import type { GcOptions, GcReport, GcRow } from '../repository/gc/report.ts';
import type { VolumesGcReport } from '../repository/gc/volume-report.ts';
import type { Repository } from '../repository/repository.ts';
import { collectVolumes, type CollectVolumesOptions, type OpenArchive } from './collect-volumes.ts';

/** As docs/movers.md has it: a mover is given that long before a prune gives up. */
const PATIENCE_MS = 30 * 60_000;

/** What became of a location: of our own files, and of the volumes beside them. */
export interface LocationGcReport extends GcReport {
  readonly volumes: readonly VolumesGcReport[];
}

export type LocationGcRequest = Omit<GcOptions, 'signal'> & Pick<Partial<CollectVolumesOptions>, 'signal' | 'patienceMs'>;

/** Frees what no backup of a location needs: first of our own files, then of its volumes. Fails as `collectGarbage` does. */
export async function collectLocation(repository: Repository, open: OpenArchive, request: LocationGcRequest): Promise<LocationGcReport> {
  const { signal = new AbortController().signal, patienceMs = PATIENCE_MS, ...rest } = request;
  const options = { ...rest, signal, patienceMs };
  const report = await collectGarbage(repository, options);
  const volumes = await collectVolumes(repository, open, options);
  return {
    ...report,
    rows: report.rows.flatMap((row) => (row.kind === 'volumes' ? volumeRows(row, volumes) : [row])),
    warnings: [...report.warnings, ...volumes.flatMap(warningOf)],
    volumes,
  };
}

/** The account of volumes with what has gone since it was taken. */
function volumeRows(row: GcRow, volumes: readonly VolumesGcReport[]): readonly GcRow[] {
  const objects = volumes.reduce((sum, { freedObjects }) => sum + freedObjects, 0);
  const bytes = volumes.reduce((sum, { freedBytes }) => sum + freedBytes, 0);
  if (bytes === 0) return [row];
  return [
    { ...row, objects: row.objects - objects, bytes: row.bytes - bytes },
    { ...row, fate: 'deleted', objects, bytes },
  ];
}

function warningOf({ cluster, problem }: VolumesGcReport): readonly Issue[] {
  if (problem === '') return [];
  return [
    { code: 'VolumesNotCollected', message: `volumes of cluster ${cluster}: ${problem}`, advice: 'the next collection goes on with them' },
  ];
}
