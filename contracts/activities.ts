import type { CapturedApplication, RecoveredApplication } from './application.ts';
import type { BackupProjectInput, BackupProjectResult } from './backup.ts';
import type { CopyActivities } from './copy.ts';
import type { EtcdActivities } from './etcd-backup.ts';
import type { HelmActivities } from './helm.ts';
import type { HelmRestoreActivities } from './helm-restore.ts';
import type { GitActivities } from './git.ts';
import type { HookCounts, HookTarget } from './hook.ts';
import type { BackupSizes, CapturedKind, ClusterIdentity } from './manifest.ts';
import type { Issue, LogLine } from './outcome.ts';
import type { AfterBackup } from './protection.ts';
import type { QuiesceActivities, QuiesceState, QuiesceTask } from './quiesce.ts';
import type { ResourceType } from './resource.ts';
import type { RestoreProjectInput, RestoreProjectResult, ActionCounts, VerificationReport } from './restore.ts';
import type { ScheduleActivities } from './schedule.ts';
import type { Selection } from './selection.ts';
import type { CapturedVolume, PlannedVolume, RestoredVolume, VolumeGroup } from './volume.ts';

/** Where a batch of capturing begins: the kinds still to list and, within the first of them, the page to go on with. */
export interface CaptureCursor {
  readonly types: readonly ResourceType[];
  /** Namespace of each list request; [''] means the whole cluster. */
  readonly listNamespaces: readonly string[];
  /** Index into `listNamespaces` for the first kind. */
  readonly namespaceIndex: number;
  /** The server's token; '' at the beginning of a list. */
  readonly continueToken: string;
  /** Why the first kind's list had to leave the backup's revision; '' when it did not. */
  readonly fallbackReason: string;
}

/** What a backup takes, and how. */
export interface CapturePlan {
  readonly cluster: ClusterIdentity;
  /** The selection with every name of a kind as `plural.group`. */
  readonly selection: Selection;
  readonly revision: string;
  /** The namespaces that the selection stands for, sorted. */
  readonly namespaces: readonly string[];
  /** Independent pieces of work, to be captured in parallel. */
  readonly tasks: readonly CaptureCursor[];
  /** Cluster-scoped objects are found by following references from the captured ones, after the tasks. */
  readonly followReferences: boolean;
  readonly warnings: readonly Issue[];
  /** Kinds that should be in the backup and cannot be (their API does not answer). */
  readonly errors: readonly Issue[];
}

export interface BackupPlan extends CapturePlan {
  /** What the location's settings ask for once the backup is committed; absent in plans made before there was anything to ask for. */
  readonly afterwards?: AfterBackup;
}

export interface LockBackupInput {
  readonly location: string;
  readonly sequence: number;
  /** ISO-8601. */
  readonly until: string;
}

export interface CaptureInput {
  readonly backup: BackupProjectInput;
  /** The plan's. */
  readonly selection: Selection;
  readonly revision: string;
  readonly cursor: CaptureCursor;
}

export interface CaptureResult {
  /** Segment id of the stored `CapturePart`; '' when nothing was captured. */
  readonly part: string;
  /** What is left of the task; absent when it is done. */
  readonly next?: CaptureCursor;
  readonly kinds: readonly CapturedKind[];
  readonly sizes: BackupSizes;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

/** Cluster-scoped objects that the captured ones need. */
export interface CaptureRelatedInput {
  readonly backup: BackupProjectInput;
  readonly revision: string;
  readonly parts: readonly string[];
}

export interface VerifyStoredInput {
  readonly location: string;
  readonly parts: readonly string[];
  /** ISO-8601: what was stored since is read back by sample. Absent in runs of before there was this. */
  readonly startedAt?: string;
}

export interface VerifyStoredResult {
  readonly segments: number;
  readonly packs: number;
  readonly objects: number;
  /** Packs of this backup of which a segment was read back and authenticated. */
  readonly readBack?: number;
}

export interface CommitBackupInput {
  readonly backup: BackupProjectInput;
  readonly runId: string;
  readonly plan: Pick<BackupPlan, 'cluster' | 'revision' | 'namespaces'>;
  readonly parts: readonly string[];
  readonly result: Omit<BackupProjectResult, 'sequence'>;
  readonly log: readonly LogLine[];
}

export interface CommitBackupResult {
  readonly sequence: number;
}

export interface BackupActivities {
  /** Discovers, resolves the selection and fixes the revision. Writes nothing. */
  planBackup(input: BackupProjectInput): Promise<BackupPlan>;
  /** Lists one batch of objects and stores it. Idempotent: the same objects make the same packs. */
  captureResources(input: CaptureInput): Promise<CaptureResult>;
  captureRelated(input: CaptureRelatedInput): Promise<CaptureResult>;
  /** Reads back what was stored: every pack is there with its size, every part can be read, counts agree. */
  verifyStored(input: VerifyStoredInput): Promise<VerifyStoredResult>;
  /** Writes the manifest, create-only. Run twice for one run id it returns the same sequence. */
  commitBackup(input: CommitBackupInput): Promise<CommitBackupResult>;
  /** Extends the locks of everything that a backup needs, what earlier backups have stored included. Safe to repeat: locks never shrink. */
  lockBackup(input: LockBackupInput): Promise<void>;
}

/** A stretch of the backup's segments, in restore order, that one activity applies. */
export interface RestoreBatch {
  readonly wave: number;
  /** First segment and number of segments, counted in the restore order of the whole selection. */
  readonly from: number;
  readonly segments: number;
  readonly objects: number;
}

export interface RestorePreparation {
  /** The backup's position in the manifest chain. */
  readonly sequence: number;
  readonly batches: readonly RestoreBatch[];
  readonly waves: readonly RestoreWave[];
  readonly objectCount: number;
  /** The API server's time when the restore began, ISO-8601: what is younger and bears our field manager is this restore's own work. */
  readonly serverTime: string;
  readonly warnings: readonly Issue[];
  /** Captured volumes of the selection; absent when the restore leaves volumes alone. */
  readonly volumes?: readonly CapturedVolume[];
  /** Applications of the selection that are brought back through themselves; absent when there are none, or the restore leaves data alone. */
  readonly applications?: readonly CapturedApplication[];
  /** Commands to run in the restored pods; absent when there are none. */
  readonly hooks?: readonly HookTarget[];
  /** Some pods get init containers, and must be there before their workloads. */
  readonly hasInitContainers?: true;
  /** Set when parts of the backup cannot be read: what cannot be restored because of it, and their segment ids. */
  readonly errors?: readonly Issue[];
  readonly lostParts?: readonly string[];
}

/** Parts of the backup that its preparation could not read. Every activity leaves out the same ones, so that positions stay what they are. */
interface WithoutLostParts {
  readonly lostParts?: readonly string[];
}

export interface RestoreWave {
  readonly wave: number;
  readonly title: string;
  /** What the next wave needs before it may start. */
  readonly awaits: 'nothing' | 'crds-established' | 'namespaces-active' | 'custom-apis-served' | 'webhook-backends';
}

export interface ApplyBatchInput extends WithoutLostParts {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly serverTime: string;
  readonly batch: RestoreBatch;
}

export interface ApplyBatchResult {
  readonly counts: ActionCounts;
  readonly failed: number;
  /** Objects whose owners were not there yet; `relinkOwners` completes them. */
  readonly unlinked: number;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

export interface AwaitReadyInput extends WithoutLostParts {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly wave: RestoreWave;
}

export interface VerifyBatchInput extends WithoutLostParts {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly serverTime: string;
  readonly batches: readonly RestoreBatch[];
}

export interface RecordRestoreInput {
  readonly restore: RestoreProjectInput;
  readonly runId: string;
  readonly result: RestoreProjectResult;
  readonly log: readonly LogLine[];
}

export interface RestoreActivities {
  /** Reads the manifest, orders it into waves and batches, and with policy `fail` refuses when an object differs. Writes nothing. */
  prepareRestore(input: RestoreProjectInput): Promise<RestorePreparation>;
  /** Creates or updates the objects of one batch. Safe to repeat: what this restore made before is recognised. */
  applyBatch(input: ApplyBatchInput): Promise<ApplyBatchResult>;
  /** Waits, with heartbeats, until what the next wave depends on is ready. Returns warnings for what is not in time. */
  awaitReady(input: AwaitReadyInput): Promise<readonly Issue[]>;
  /** Adds the owner references that could not be set when an object was created. */
  relinkOwners(input: ApplyBatchInput): Promise<ApplyBatchResult>;
  /** Compares the live objects with what was captured. */
  verifyRestored(input: VerifyBatchInput): Promise<VerificationReport>;
  /** Keeps the account of the restore in the repository. */
  recordRestore(input: RecordRestoreInput): Promise<void>;
}

export interface VolumePlan {
  /** uid of the cluster: its volumes are in one restic repository. */
  readonly clusterUid: string;
  readonly volumes: readonly PlannedVolume[];
  /** Volumes to be cut together; absent when there are none. */
  readonly groups?: readonly VolumeGroup[];
  /** Applications to be quiesced while volumes are captured. */
  readonly quiesce: readonly QuiesceTask[];
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

export interface CaptureVolumeInput {
  readonly backup: BackupProjectInput;
  readonly clusterUid: string;
  /** Names the run's movers: the same in every attempt. */
  readonly runId: string;
  readonly volume: PlannedVolume;
  /** Its VolumeSnapshot when that was cut in a group; absent: it has one of its own. */
  readonly snapshot?: string;
}

export interface TakeGroupSnapshotInput {
  readonly backup: BackupProjectInput;
  readonly runId: string;
  readonly group: VolumeGroup;
}

export interface GroupSnapshotTaken {
  /** One for each claim; none when the group could not be cut. */
  readonly snapshots: readonly { readonly claim: string; readonly snapshot: string }[];
  /** Why it could not be cut, for people; '' when it was. Nothing is left of it then. */
  readonly problem: string;
}

interface RemoveTemporaryInput {
  readonly cluster: string;
  readonly runId: string;
  readonly namespaces: readonly string[];
  /** What becomes of snapshots that were to be kept: a backup may name them, or none does. Absent when there are none. */
  readonly keptSnapshots?: 'keep' | 'delete';
  /** Absent when the run has none. */
  readonly groups?: readonly VolumeGroup[];
}

export interface RestoreVolumeInput {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly serverTime: string;
  readonly runId: string;
  readonly volume: CapturedVolume;
}

export interface RecoverApplicationInput {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly serverTime: string;
  readonly runId: string;
  readonly application: CapturedApplication;
}

export interface RecoverApplicationResult extends RecoveredApplication {
  readonly warnings: readonly Issue[];
}

export interface VolumeActivities {
  /** Finds the claims that the selection takes, and decides by the policy how each is captured. Writes nothing. */
  planVolumes(input: BackupProjectInput): Promise<VolumePlan>;
  /** Snapshots one volume and returns when the snapshot is cut. Safe to repeat: a run has one snapshot of a volume. */
  takeSnapshot(input: CaptureVolumeInput): Promise<void>;
  /** Snapshots several volumes at one moment and returns when that has passed, or says why it cannot be. Safe to repeat. */
  takeGroupSnapshot(input: TakeGroupSnapshotInput): Promise<GroupSnapshotTaken>;
  /** Copies the data of one volume to the location, from its snapshot where there is one, or has the snapshot kept. Safe to repeat: what the repository has is not sent again. */
  captureVolume(input: CaptureVolumeInput): Promise<CapturedVolume>;
  /** Deletes what a run has made in the cluster for its own use. Safe to repeat. */
  removeTemporary(input: RemoveTemporaryInput): Promise<void>;
  /** Makes the snapshot of a volume known to the cluster, for its claim to be made from. Safe to repeat; nothing for volumes without one. */
  offerSnapshot(input: RestoreVolumeInput): Promise<void>;
  /** Fills the volume of a claim that this restore made, and compares what is there with what was recorded. */
  restoreVolume(input: RestoreVolumeInput): Promise<RestoredVolume>;
  /** Waits for the restored pods of an application, and has its plugin bring back what is not in its files. Safe to repeat. */
  recoverApplication(input: RecoverApplicationInput): Promise<RecoverApplicationResult>;
}

interface CreateHookedPodsInput extends WithoutLostParts {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly serverTime: string;
}

export interface RunHooksInput {
  readonly restore: RestoreProjectInput;
  readonly serverTime: string;
  readonly target: HookTarget;
}

export interface HooksRun extends HookCounts {
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

export interface HookActivities {
  /** Creates the captured pods that get init containers, for their workloads to take over. Safe to repeat. */
  createHookedPods(input: CreateHookedPodsInput): Promise<void>;
  /** Runs commands in the pods of a workload that the restore has made, each as soon as it runs. Repeated, a command may run twice. */
  runHooks(input: RunHooksInput): Promise<HooksRun>;
}

export interface PlanPauseInput {
  readonly restore: RestoreProjectInput;
  /** Those that are to be written to. */
  readonly volumes: readonly CapturedVolume[];
}

/** A claim, as it is in the cluster, that must not be written to. */
export interface BlockedClaim {
  readonly namespace: string;
  readonly claim: string;
  readonly reason: string;
}

export interface PausePlan {
  readonly tasks: readonly QuiesceTask[];
  readonly blocked: readonly BlockedClaim[];
}

export interface PauseWorkloadInput {
  readonly restore: RestoreProjectInput;
  readonly runId: string;
  readonly task: QuiesceTask;
}

export interface ResumeWorkloadInput extends PauseWorkloadInput {
  /** Absent when pausing was cut off. */
  readonly state?: QuiesceState;
}

export interface PauseResult {
  readonly state: QuiesceState;
  readonly warnings: readonly Issue[];
}

export interface PauseActivities {
  /** Finds what mounts the volumes that a restore in place writes to. Writes nothing. */
  planPause(input: PlanPauseInput): Promise<PausePlan>;
  /** Scales a workload down, with the earlier count written on it in the same request. Returns when its pods are gone. Safe to repeat. */
  pauseWorkload(input: PauseWorkloadInput): Promise<PauseResult>;
  /** Gives it the earlier count back. Safe to repeat. */
  resumeWorkload(input: ResumeWorkloadInput): Promise<PauseResult>;
}

export type HoldfastActivities = BackupActivities &
  PauseActivities &
  HookActivities &
  RestoreActivities &
  VolumeActivities &
  QuiesceActivities &
  CopyActivities &
  GitActivities &
  HelmActivities &
  HelmRestoreActivities &
  EtcdActivities &
  ScheduleActivities;
