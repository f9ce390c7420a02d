import type { JsonObject } from '../contracts/json.ts';
import type { Release } from '../domain/helm/release.ts';
import type { RecordKind, StoredRecord } from '../domain/helm/stored-record.ts';

/**
 * `source`: the templates and all else that the chart was made of. `rendered`: the record lacks what it needs (subcharts, library charts), and the
 * templates are what Helm made of them for this release.
 */
export type ArchiveKind = 'source' | 'rendered';

/** A chart as `helm install` takes it: the same bytes for the same record, on every machine. */
export interface ChartArchive {
  readonly kind: ArchiveKind;
  readonly name: string;
  /** That of the chart; a rendered one has `+rendered.HASH` at its end. */
  readonly version: string;
  /** Its Chart.yaml. */
  readonly metadata: JsonObject;
  readonly bytes: Buffer;
  /** Lower-case hex. */
  readonly sha256: string;
  /** What is not as in the chart that was installed, for people. */
  readonly losses: readonly string[];
}

/** What became of a chart that was pushed. */
export interface PushedChart {
  readonly outcome: 'pushed' | 'present' | 'differs' | 'replaced';
  /** `oci://...:version`, or the URL of the archive. */
  readonly reference: string;
  /** SHA-256 of what the repository has, lower-case hex; another one than the archive's when the outcome is `differs`. */
  readonly sha256: string;
}

/** A place that keeps charts: a ChartMuseum, or an OCI registry. */
export interface ChartRepository {
  readonly name: string;
  /**
   * Puts a chart there. A version that is there with other bytes stays as it is (`differs`), unless the repository's settings say `force`.
   * Rejects with `Forbidden` (401, 403), `BadInput` (other refusals), and `Unavailable` when it does not answer after retries. Safe to repeat.
   */
  push(chart: ChartArchive, signal: AbortSignal): Promise<PushedChart>;
}

/** Release records, the charts in them, and the places that keep charts. */
export interface Charts {
  /** `Damaged` names the release when its record cannot be read. */
  decode(record: StoredRecord): Release;
  /** `Damaged` when the record's chart has names that no archive may have. */
  archive(release: Release): ChartArchive;
  /**
   * What the record's object is to have under `release` to stand in another namespace; undefined when it says that namespace already. `Damaged` as
   * for `decode`.
   */
  moved(record: StoredRecord, namespace: string): string | undefined;
  /** Of the worker's configuration. `NotFound` with the known names when there is none. */
  repository(name: string): Promise<ChartRepository>;
}

export interface InstallRequest {
  readonly release: string;
  readonly namespace: string;
  /** A chart archive, or in its place a path or an `oci://` reference. */
  readonly chart: Buffer | string;
  /** Of a chart by reference; '' for the newest. */
  readonly version: string;
  readonly values: JsonObject;
  /** Where Helm keeps its records of the release. */
  readonly records: RecordKind;
  /** The record gets them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly wait: boolean;
}

export interface InstalledRelease {
  readonly revision: number;
  readonly status: string;
  readonly action: 'installed' | 'upgraded';
}

/** Helm itself, at work on one cluster. */
export interface HelmProgram {
  /**
   * Installs a release, or upgrades it when there is one: hooks, CRDs and all. Returns when Helm has ended; when `signal` fires Helm is asked to end,
   * and is ended soon after. No Helm outlives this process, however it ends. `BadInput` with Helm's own words when it refuses or fails, `Unavailable`
   * when the cluster does not answer it, `NotFound` when there is no Helm. None of these has values in it.
   */
  install(request: InstallRequest, signal: AbortSignal): Promise<InstalledRelease>;
}
