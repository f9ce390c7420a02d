import type { CapturedRelease } from '../../contracts/helm.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { appVersionOf, type Release } from '../../domain/helm/release.ts';
import { CurrentRecords, type StoredRecord } from '../../domain/helm/stored-record.ts';
import type { ChartArchive, Charts } from '../../helm/port.ts';

type InventoryEntry = Omit<CapturedRelease, 'pushed' | 'archive'>;

/** A release with its chart. */
export interface ExportedRelease {
  readonly release: Release;
  readonly archive: ChartArchive;
  /** As the manifest keeps it. */
  readonly inventory: InventoryEntry;
  /** How many revisions the records tell of. */
  readonly revisions: number;
}

export interface Survey {
  /** Sorted by namespace and name. */
  readonly releases: readonly ExportedRelease[];
  /** Records of earlier revisions that cannot be read. */
  readonly warnings: readonly Issue[];
  /** Releases whose current record cannot be read, or has no chart that can be made. */
  readonly errors: readonly Issue[];
}

/** A hash of the user's values; '' where there is no key for it. */
export type HashValues = (values: JsonObject) => string;

/** Reads all release records: what is wrong with one costs that one only. */
export async function surveyReleases(charts: Charts, records: AsyncIterable<StoredRecord>, hashValues: HashValues): Promise<Survey> {
  const current = new CurrentRecords();
  const problems = new Map<StoredRecord, Issue>();
  for await (const record of records) {
    current.add(record);
    const problem = problemOf(record, () => charts.decode(record));
    if (problem) problems.set(record, problem);
  }
  const releases: ExportedRelease[] = [];
  const errors: Issue[] = [];
  for (const { current: record, revisions } of current.heads()) {
    const problem = problemOf(record, () => {
      const release = charts.decode(record);
      const archive = charts.archive(release);
      releases.push({
        release,
        archive,
        revisions,
        inventory: { ...inventoryOf(release, archive), valuesHash: hashValues(release.config) },
      });
    });
    if (problem) errors.push(problem);
    problems.delete(record);
  }
  return { releases, warnings: [...problems.values()], errors };
}

function problemOf({ kind, namespace, objectName }: StoredRecord, read: () => unknown): Issue | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const object = { apiVersion: 'v1', kind, namespace, name: objectName };
    return { code: 'ReleaseUnreadable', message: error.message, object, advice: error.advice };
  }
}

function inventoryOf(release: Release, archive: ChartArchive): Omit<InventoryEntry, 'valuesHash'> {
  const { namespace, name, revision, status, chart } = release;
  return {
    namespace,
    name,
    revision,
    status,
    chart: chart.metadata.name,
    version: chart.metadata.version,
    appVersion: appVersionOf(chart),
    archiveSha256: archive.sha256,
    archiveKind: archive.kind,
    archiveVersion: archive.version,
  };
}
