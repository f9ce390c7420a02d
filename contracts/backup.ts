import type { CapturedApplication } from './application.ts';
import type { ClusterStateRequest } from './cluster-state.ts';
import type { CapturedEtcd } from './etcd.ts';
import type { GitSynced } from './git.ts';
import type { CapturedRelease } from './helm.ts';
import type { HookRule } from './hook.ts';
import type { BackupSizes, CapturedKind, ClusterIdentity } from './manifest.ts';
import type { Issue, LogLine, RunPhase, StepTiming } from './outcome.ts';
import type { Selection } from './selection.ts';
import type { CapturedVolume, VolumeRequest, VolumesProgress } from './volume.ts';

/** Input of the workflow `backupProject`. Names only: credentials and keys are found by the worker. */
export interface BackupProjectInput extends ClusterStateRequest {
  readonly name: string;
  /** The cluster's name, as the worker's registry knows it. */
  readonly cluster: string;
  /** The location's name, as the worker's configuration knows it. */
  readonly location: string;
  readonly selection: Selection;
  /** Name of the schedule that asks for it. */
  readonly schedule?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Seconds from the backup's completion until retention may remove it. */
  readonly ttlSeconds?: number;
  /** How the data of volumes is captured; absent: not at all. */
  readonly volumes?: VolumeRequest;
  /** Commands for all pods that it meets, beside those of their annotations. */
  readonly hooks?: readonly HookRule[];
}

export interface BackupProjectResult {
  readonly name: string;
  readonly phase: RunPhase;
  /** Position in the location's manifest chain; absent when nothing was committed. */
  readonly sequence?: number;
  readonly revision: string;
  readonly cluster: ClusterIdentity;
  readonly objectCount: number;
  readonly kinds: readonly CapturedKind[];
  readonly sizes: BackupSizes;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
  /** Locations that have a copy of it now. */
  readonly copies: readonly string[];
  /** One for each claim that the backup covers; absent when it does not look at volumes. */
  readonly volumes?: readonly CapturedVolume[];
  /** One for each application that a plugin treated; absent when none was. */
  readonly applications?: readonly CapturedApplication[];
  /** Absent when etcd was not asked for. */
  readonly etcd?: CapturedEtcd;
  /** One for each Helm release; absent when charts were not asked for. */
  readonly releases?: readonly CapturedRelease[];
  /** One for each Git remote that was brought up to date; absent when none was asked for. */
  readonly git?: readonly GitSynced[];
}

/** Answer of the query `progress` of a backup. */
export interface BackupProgress {
  readonly phase: RunPhase;
  readonly step: string;
  readonly objectsDone: number;
  readonly bytesRead: number;
  readonly bytesStored: number;
  readonly tasksDone: number;
  readonly tasksTotal: number;
  /** Absent while no volume is being captured. */
  readonly volumes?: VolumesProgress;
  readonly warnings: number;
  readonly errors: number;
}

/** Answer of the query `log` of every workflow: what happened so far, oldest first. */
export type RunLog = readonly LogLine[];

export const QUERY_PROGRESS = 'progress';
export const QUERY_LOG = 'log';
