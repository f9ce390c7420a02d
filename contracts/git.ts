import type { Issue, RunPhase, StepTiming } from './outcome.ts';
import type { ObjectId } from './resource.ts';
import type { Selection } from './selection.ts';

/** Where the objects of a sync come from: what is live now, or what a backup has captured. */
export type GitSource = { readonly live: true } | { readonly backup: { readonly location: string; readonly sequence: number } };

/** Input of the workflow `syncGit`. */
export interface SyncGitInput {
  readonly cluster: string;
  /** A Git remote by its name in the worker's configuration, which has its credentials and rules. */
  readonly remote: string;
  readonly selection: Selection;
  readonly source: GitSource;
  /** Files that another cluster's sync has written are this one's from now on: it was renamed, or takes the place of the other. */
  readonly takeOver?: boolean;
}

/** What one sync did. */
export interface GitSynced {
  readonly remote: string;
  readonly branch: string;
  /** Full id; '' when there was nothing to commit. */
  readonly commit: string;
  /** Objects; a Helm release, which has several files, is one. */
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** Files that are there now, of those that the sync looks after. */
  readonly files: number;
}

export interface SyncGitResult extends GitSynced {
  readonly phase: RunPhase;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

export interface GitSyncOutcome extends GitSynced {
  readonly warnings: readonly Issue[];
  /** What of the source could not be read. Nothing is deleted from the branch then. */
  readonly errors: readonly Issue[];
}

/** A commit's objects become a backup, which is then restored like any other. */
export interface ImportCommitInput {
  readonly remote: string;
  /** As Git understands it: an id, a branch, `HEAD~2` (of the cluster's branch). */
  readonly commit: string;
  readonly location: string;
  /** Whose state the branch holds. */
  readonly cluster: string;
}

export interface CommitImported {
  /** Name of the backup in the location. */
  readonly backup: string;
  readonly sequence: number;
  /** Full id. */
  readonly commit: string;
  readonly objects: number;
  /** False when an earlier import of the commit was found. */
  readonly made: boolean;
  /** What of the commit is not in the backup: Secrets that cannot be opened, files that are no manifests. */
  readonly warnings: readonly Issue[];
}

export interface ImportCommitResult extends CommitImported {
  readonly phase: RunPhase;
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

/** One commit that touched an object. */
export interface ObjectCommit {
  /** Full id. */
  readonly commit: string;
  /** ISO-8601. */
  readonly at: string;
  readonly author: string;
  readonly subject: string;
  readonly what: FileFate;
  /** Fields that changed, at most 20; none of a Secret. */
  readonly fields: readonly FieldChange[];
}

export interface FieldChange {
  /** `spec.replicas`, `spec.containers[0].image`. */
  readonly path: string;
  /** Short, as JSON; '' when there was none. */
  readonly from: string;
  readonly to: string;
}

export interface ObjectHistory {
  readonly remote: string;
  readonly branch: string;
  readonly object: ObjectId;
  /** Newest first. */
  readonly commits: readonly ObjectCommit[];
}

export const FileFate = { Created: 'created', Changed: 'changed', Deleted: 'deleted' } as const;
export type FileFate = (typeof FileFate)[keyof typeof FileFate];

/** Label of a backup that was made from a commit: the commit's id. */
export const FROM_GIT_LABEL = 'holdfast.dev/from-git';

export interface GitActivities {
  /** Brings the branch to the state of the source, as one commit, and pushes it; nothing changed: no commit. Safe to repeat. */
  syncToGit(input: SyncGitInput): Promise<GitSyncOutcome>;
  /** Stores a commit's objects as a backup in the location; an earlier import of the same commit is used again. Safe to repeat. */
  importCommit(input: ImportCommitInput): Promise<CommitImported>;
}
