import type { Issue, RunPhase, StepTiming } from './outcome.ts';

/** Input of the workflow `restoreReleases`. Names and choices only: charts and values stay in the location. */
export interface RestoreReleasesInput {
  readonly cluster: string;
  readonly location: string;
  readonly backup: string;
  /** Releases by name, in the order in which they are restored. */
  readonly releases: readonly string[];
  /** Where they are in the backup; '' wherever there is just one of the name. */
  readonly namespace: string;
  readonly options: ReleaseRestoreOptions;
}

export interface ReleaseRestoreOptions {
  /** Nothing is installed: objects that are there become Helm's again. */
  readonly adopt: boolean;
  /** Another name for the release; only with one release, and not with `adopt`. */
  readonly as?: string;
  /** Absent: where it was. */
  readonly toNamespace?: string;
  /** In place of the kept chart: an absolute path on the worker's machine, or an `oci://` reference. */
  readonly chart?: string;
  /** Helm waits until what it has installed is ready. */
  readonly waitUntilReady: boolean;
  /** How long Helm waits for that, and for each hook. Milliseconds. */
  readonly timeoutMs: number;
}

export interface ReleaseId {
  readonly namespace: string;
  readonly name: string;
}

/** What a run would do with one release. */
export interface PlannedRelease {
  /** In the backup. */
  readonly from: ReleaseId;
  /** In the cluster. */
  readonly to: ReleaseId;
  readonly action: 'install' | 'upgrade' | 'adopt';
  /** `web-1.2.3`. */
  readonly chart: string;
  /** What the cluster has of it now, for people: `revision 3, deployed`; '' for nothing. */
  readonly there: string;
  readonly warnings: readonly Issue[];
  /** Why it cannot be restored; such a release is left alone. The code is a `FailureType`. */
  readonly problem?: Issue;
}

export interface RestoredRelease extends ReleaseId {
  readonly action: 'installed' | 'upgraded' | 'adopted';
  readonly revision: number;
  /** As Helm calls it. */
  readonly status: string;
  /** `web-1.2.3`. */
  readonly chart: string;
  /** When adopted: objects of the release, all of them there. */
  readonly objects?: number;
  /** When adopted: of these, how many lacked Helm's marks and got them. */
  readonly marked?: number;
  /** When adopted: records that were written, because they were missing or stood for another namespace. */
  readonly records?: number;
}

/** How a cancelled installation was left. */
export interface LeftRelease {
  /** As Helm calls it: `failed`, `pending-install` ...; '' when Helm has no record of it. */
  readonly status: string;
  /** 0 when Helm has no record of it. */
  readonly revision: number;
}

export interface RestoreReleaseTask {
  readonly restore: RestoreReleasesInput;
  /** In the backup. */
  readonly release: ReleaseId;
}

export interface RestoreReleasesResult {
  readonly location: string;
  readonly backup: string;
  readonly cluster: string;
  readonly phase: RunPhase;
  readonly releases: readonly RestoredRelease[];
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

/** Answer of the query `progress` of a restore of releases. */
export interface RestoreReleasesProgress {
  readonly phase: RunPhase;
  readonly step: string;
  /** Of `releasesTotal`, those that came to an end, however it was. */
  readonly releasesDone: number;
  readonly releasesTotal: number;
  readonly warnings: number;
  readonly errors: number;
}

export interface HelmRestoreActivities {
  /**
   * Finds the releases in the backup and what the cluster has of them. Writes nothing. Fails when a name is not in the backup, and with the
   * releases' own reason when none of them can be restored.
   */
  planReleases(input: RestoreReleasesInput): Promise<{ readonly releases: readonly PlannedRelease[] }>;
  /**
   * Installs or upgrades one release with Helm. Safe to repeat: what an attempt of ours left in the middle is cleared away first, and what one has
   * brought to its end is not done again. `left` when it was cancelled.
   */
  installRelease(task: RestoreReleaseTask): Promise<{ readonly restored: RestoredRelease } | { readonly left: LeftRelease }>;
  /** Gives Helm the restored objects of one release back, with its history. Safe to repeat. */
  adoptRelease(task: RestoreReleaseTask): Promise<{ readonly restored: RestoredRelease }>;
}
