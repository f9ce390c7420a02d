import type { BackupSizes } from './manifest.ts';
import type { Issue } from './outcome.ts';
import type { KeptStream } from './quiesce.ts';

/** What a backup does about Helm releases, beside taking their records like all objects. */
export interface HelmRequest {
  /** Chart repositories by their names in the worker's configuration; every chart is pushed to each. */
  readonly pushTo: readonly string[];
}

/** One deployed release, as the manifest keeps it. */
export interface CapturedRelease {
  readonly namespace: string;
  readonly name: string;
  /** Helm's number of the deployed revision. */
  readonly revision: number;
  /** As Helm calls it: `deployed`, `failed` ... */
  readonly status: string;
  readonly chart: string;
  readonly version: string;
  /** '' when the chart names none. */
  readonly appVersion: string;
  /**
   * Of the user-given values, with the repository's key, lower-case hex: says whether values are the same, and only to who has the repository. Of
   * backups made before there was a key in it, a plain SHA-256. '' where no repository takes part.
   */
  readonly valuesHash: string;
  /** The chart archive that was rebuilt from the record; absent when it could not be, and an error says why. */
  readonly archive?: KeptStream;
  readonly archiveSha256?: string;
  /** `rendered`: the record lacks charts that it is made of, so its templates are as Helm rendered them for this release. */
  readonly archiveKind?: 'source' | 'rendered';
  /** Of the archive: that of the chart, with `+rendered.HASH` when it is rendered. */
  readonly archiveVersion?: string;
  /** References under which it was pushed: `oci://...:version`, or a chart repository's URL of the archive. */
  readonly pushed: readonly string[];
}

export interface ExportChartsInput extends HelmRequest {
  readonly location: string;
  /** Segment ids of the backup's parts: the records are among its objects. */
  readonly parts: readonly string[];
}

export interface ExportChartsResult {
  readonly releases: readonly CapturedRelease[];
  /** Segment id of the part that lists the archives; '' when there are none. */
  readonly part: string;
  readonly sizes: BackupSizes;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

export interface HelmActivities {
  /** Rebuilds the chart of every release among a backup's objects, keeps the archives in the location, and pushes them. Safe to repeat. */
  exportCharts(input: ExportChartsInput): Promise<ExportChartsResult>;
}
