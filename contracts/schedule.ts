import type { BackupProjectResult } from './backup.ts';
import type { ClusterStateRequest } from './cluster-state.ts';
import type { GitSynced } from './git.ts';
import type { HookRule } from './hook.ts';
import type { Issue, RunPhase, StepTiming } from './outcome.ts';
import type { RetentionPolicy } from './retention.ts';
import type { Selection } from './selection.ts';
import type { VolumeRequest } from './volume.ts';

/** What a schedule does each time: the input of the workflow `runSchedule`, kept by Temporal with the schedule. */
export interface RunScheduleInput {
  readonly schedule: string;
  /** Whose worker does it. */
  readonly cluster: string;
  /** '' for syncs of Git, which need none. */
  readonly location: string;
  readonly action: ScheduledBackup | ScheduledCheck | ScheduledSync;
  /** How often a failed run is tried in all, at least 1. */
  readonly attempts: number;
  /** Seconds between two attempts. */
  readonly retryAfterSeconds: number;
  /** Seconds that the newest good run may be old; absent: twice the longest interval between runs. */
  readonly rpoSeconds?: number;
}

export interface ScheduledBackup extends ClusterStateRequest {
  readonly type: 'backup';
  readonly selection: Selection;
  readonly labels: Readonly<Record<string, string>>;
  readonly ttlSeconds?: number;
  /** How the data of volumes is captured; absent: not at all. */
  readonly volumes?: VolumeRequest;
  /** Commands for all pods that it meets. */
  readonly hooks?: readonly HookRule[];
  /** Applied after each good backup; absent: nothing is removed. */
  readonly retention?: RetentionPolicy;
}

export interface ScheduledCheck {
  readonly type: 'check';
  /** Share of the packs whose content is read, from 0 (none) to 1. */
  readonly readShare: number;
}

/** The live state, to Git. */
export interface ScheduledSync {
  readonly type: 'git';
  /** By their names in the worker's configuration; at least one. */
  readonly remotes: readonly string[];
  readonly selection: Selection;
}

export interface RunScheduleResult {
  readonly schedule: string;
  readonly phase: RunPhase;
  /** How many attempts it took. */
  readonly attempts: number;
  /** The backup that was made; absent where none was to be. */
  readonly backup?: BackupProjectResult;
  /** What each remote got that could be reached; absent for backups and checks. */
  readonly git?: readonly GitSynced[];
  /** Names of the backups that retention removed. */
  readonly removed: readonly string[];
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

/** Answer of the query `progress` of a schedule's run. */
export interface ScheduleProgress {
  readonly phase: RunPhase;
  readonly step: string;
  /** Name of the backup that is being made; '' where none is. */
  readonly backup: string;
  readonly attempt: number;
  readonly warnings: number;
  readonly errors: number;
}

export interface PruneBackupsInput {
  readonly location: string;
  readonly schedule: string;
  /** Name of the cluster whose backups count. */
  readonly cluster: string;
  readonly policy: RetentionPolicy;
}

interface CheckRepositoryInput {
  readonly location: string;
  readonly readShare: number;
}

export interface CheckRepositoryResult {
  /** What is wrong, with what it means for backups, worst first. */
  readonly errors: readonly Issue[];
  readonly warnings: readonly Issue[];
  readonly packs: number;
  readonly packsRead: number;
}

export interface ScheduleActivities {
  /** Applies retention to the backups that one schedule has made of one cluster. Safe to repeat. Returns the removed names. */
  pruneBackups(input: PruneBackupsInput): Promise<readonly string[]>;
  /** Checks a location's repository. Damage is a result, not a failure. */
  checkRepository(input: CheckRepositoryInput): Promise<CheckRepositoryResult>;
}
