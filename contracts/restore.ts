import type { RecoveredApplication } from './application.ts';
import type { HookCounts, RestoreHookRule } from './hook.ts';
import type { Issue, LogLine, RunPhase, StepTiming } from './outcome.ts';
import type { ObjectId } from './resource.ts';
import type { Selection } from './selection.ts';
import type { RestoredVolume, VolumeRestoreRequest, VolumesProgress } from './volume.ts';

/** What happens to an object that the cluster already has and that differs from the backup. */
export const ConflictPolicy = {
  /** Leave it as it is (default). */
  Skip: 'skip',
  /** Server-side apply the captured state over it. */
  Update: 'update',
  /** Delete it and create it anew. */
  Replace: 'replace',
  /** Refuse the whole restore before anything is written. */
  Fail: 'fail',
} as const;
export type ConflictPolicy = (typeof ConflictPolicy)[keyof typeof ConflictPolicy];

/** What a restore does with one object. */
export const RestoreAction = {
  Create: 'create',
  Update: 'update',
  Replace: 'replace',
  /** The cluster has it and it differs; policy `skip`. */
  Skip: 'skip',
  /** The cluster has it and it differs; policy `fail`. */
  Conflict: 'conflict',
  /** The cluster has it, equal to the backup. */
  Unchanged: 'unchanged',
  /** Left to the controller that makes it, or never restored; `reason` says why. */
  Omit: 'omit',
  /** The policy gate refuses it unless it is asked for by name; `reason` says how. */
  Refuse: 'refuse',
} as const;
export type RestoreAction = (typeof RestoreAction)[keyof typeof RestoreAction];

/** Kinds of objects that widen rights or run before others, restored only when allowed by name. */
export const Allowance = {
  Webhooks: 'webhooks',
  ClusterAdmin: 'cluster-admin',
  Privileged: 'privileged',
  ForeignVolumes: 'foreign-volumes',
} as const;
export type Allowance = (typeof Allowance)[keyof typeof Allowance];

/** Everything that decides what a restore does, as the user asked for it. */
export interface RestoreOptions {
  readonly selection: Selection;
  /** Old namespace to new namespace; absent ones keep their name. */
  readonly namespaceMapping: Readonly<Record<string, string>>;
  /** Old storage class to new one. Claims whose class changes get a new volume. */
  readonly storageClassMapping?: Readonly<Record<string, string>>;
  /** Sizes of single claims, by `namespace/claim` as captured: `20Gi`. They get a new volume, too. */
  readonly volumeSizes?: Readonly<Record<string, string>>;
  readonly conflictPolicy: ConflictPolicy;
  /** Also restore what a controller would make again (pods of a ReplicaSet, ReplicaSets of a Deployment, Jobs of a CronJob). */
  readonly includeControlled: boolean;
  readonly preserveNodePorts: boolean;
  readonly allow: readonly Allowance[];
  /** How long a wave may wait for what the next one depends on, in milliseconds. */
  readonly readinessTimeoutMs: number;
  /** How the data of volumes is restored; absent: not at all. */
  readonly volumes?: VolumeRestoreRequest;
  /** Commands and init containers for the restored pods, beside those of their annotations. */
  readonly hooks?: readonly RestoreHookRule[];
  /** For plugins that bring applications back, by plugin and name: `{ elasticsearch: { rename: 'old-$1' } }`. */
  readonly pluginOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Input of the workflow `restoreProject`. */
export interface RestoreProjectInput {
  readonly name: string;
  readonly backup: string;
  readonly cluster: string;
  readonly location: string;
  readonly options: RestoreOptions;
}

/** One line of a plan. */
export interface PlannedObject {
  /** The object as it will be in the cluster (mapped namespace). */
  readonly object: ObjectId;
  /** The namespace it was captured in. */
  readonly sourceNamespace: string;
  readonly wave: number;
  readonly action: RestoreAction;
  readonly reason?: string;
  /** For objects that differ: JSON pointers of the fields, at most 20. */
  readonly differs?: readonly string[];
}

export type ActionCounts = Readonly<Record<RestoreAction, number>>;

/** One difference between what was captured and what is live. Values are never included: they may be secret. */
export interface Difference {
  readonly object: ObjectId;
  readonly kind: 'missing' | 'different';
  /** JSON pointers of the fields that differ, at most 20. */
  readonly fields: readonly string[];
}

export interface VerificationReport {
  readonly equal: boolean;
  readonly compared: number;
  /** At most 200 are listed; `differenceCount` is the whole number. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  /** Objects left out of the comparison on purpose (omitted, refused or skipped). */
  readonly excluded: number;
}

export interface RestoreProjectResult {
  readonly name: string;
  readonly backup: string;
  readonly phase: RunPhase;
  readonly counts: ActionCounts;
  readonly failed: number;
  readonly verification: VerificationReport;
  /** One for each captured volume of the selection; absent when the restore left volumes alone. */
  readonly volumes?: readonly RestoredVolume[];
  /** One for each application that a plugin brought back; absent when there was none. */
  readonly applications?: readonly RecoveredApplication[];
  /** Absent when there were none to run. */
  readonly hooks?: HookCounts;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

/** Answer of the query `progress` of a restore. */
export interface RestoreProgress {
  readonly phase: RunPhase;
  readonly step: string;
  readonly wave: number;
  readonly waves: number;
  readonly objectsDone: number;
  readonly objectsTotal: number;
  /** Absent while no volume is being restored. */
  readonly volumes?: VolumesProgress;
  readonly warnings: number;
  readonly errors: number;
}

/** The account of a finished restore, kept in the repository: it must be readable when Temporal has forgotten the run. */
export interface RestoreRecord extends RestoreProjectResult {
  readonly type: 'restore';
  readonly runId: string;
  readonly cluster: string;
  readonly options: RestoreOptions;
  readonly log: readonly LogLine[];
}

/** Kind of record under which the accounts of restores are kept in the repository. */
export const RESTORE_RECORDS = 'restore';
