import type { HookRule } from '../contracts/hook.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { PutBack, QuiesceState, QuiesceTask } from '../contracts/quiesce.ts';
import type { ResourceType } from '../contracts/resource.ts';
import type { VolumeMethod } from '../contracts/volume.ts';
import type { Cluster } from '../kubernetes/port.ts';

/**
 * The port to an application: how it is brought into a consistent state while its volumes are captured, and let go. docs/plugins.md says how
 * to write one.
 *
 * What must hold: `plan` writes nothing and depends on what it is given only. `quiesce` and `release` may each be repeated, also when the
 * first time succeeded and its answer was lost, and in another process: everything they need is in the task or in the application itself.
 * What lives in a process (a database session) may be lost with it; `release` then says so with `broken`. `release` succeeds when there is
 * nothing to release, and when `quiesce` was cut off half-way. An application that was quiesced is released by itself when nobody renewed
 * it for `leaseSeconds`, unless docs/plugins.md says that the plugin has no lease.
 */
export interface QuiescePlugin {
  /** Word by which annotations and options choose it. */
  readonly name: string;
  /** Whether a pod that nothing is said about is one for this plugin: by its images and labels. Pure. */
  detects(pod: JsonObject): boolean;
  /** The applications among these objects, all of which were chosen for this plugin. Pure. `BadInput` when an annotation is wrong. */
  plan(subject: QuiesceSubject): readonly QuiesceTask[];
  /** Rejects with `HoldfastError` when the application cannot be quiesced; it has been released again by then, as far as it can be reached. */
  quiesce(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome>;
  /**
   * Extends the lease, at least every third of `leaseSeconds` from `quiesce` to `release`. Rejects with `Conflict` when the application is not
   * held any more: what is captured from then on is not consistent.
   */
  renew(task: QuiesceTask, state: QuiesceState, context: PluginContext): Promise<void>;
  release(task: QuiesceTask, state: QuiesceState | undefined, context: PluginContext): Promise<QuiesceOutcome>;
  /** Whether `recover` has to do anything for what was reached. Pure. Absent: always. */
  needsRecovery?(task: QuiesceTask, state: JsonObject): boolean;
  /**
   * After a restore, when the application's pods run: brings back what is not in its files (a dump, a snapshot of its own). `task` and `state`
   * are those of the backup, with the namespace and the pod as they are now. Safe to repeat, also half-way. Data that is there from before the
   * restore is left alone unless `inPlace`. Absent when everything is in the files. Rejects when it cannot be brought back.
   */
  recover?(task: QuiesceTask, state: JsonObject, context: RecoverContext): Promise<RecoverOutcome>;
}

export interface RecoverContext extends Omit<PluginContext, 'keep'> {
  /** Gives a stream that `quiesce` or `release` kept, from its beginning each time. `NotFound` when there is none of that name. */
  readonly read: (name: string) => AsyncIterable<Buffer>;
  /** Overwrite what is there. */
  readonly inPlace: boolean;
  /** What the user set for this plugin. */
  readonly options: Readonly<Record<string, string>>;
}

export interface RecoverOutcome {
  /** Nothing was written, on purpose; the reason for people. */
  readonly left?: string;
  readonly warnings: readonly Issue[];
}

export interface QuiescePlan {
  readonly tasks: readonly QuiesceTask[];
  /** Applications that should be quiesced and whose annotations cannot be read; their tasks are missing. */
  readonly problems: readonly Issue[];
}

/** All plugins of a worker. */
export interface Plugins {
  /** What has to be quiesced, in this order; `hooks` are commands for pods that have none of their own. Pure. */
  plan(subjects: readonly QuiesceSubject[], hooks: readonly HookRule[]): QuiescePlan;
  /** `NotFound` when there is none of that name. */
  named(name: string): QuiescePlugin;
}

/** The objects of one namespace that plugins look at, as the API server gave them. */
export interface QuiesceSubject {
  readonly namespace: string;
  readonly pods: readonly JsonObject[];
  /** Deployments, StatefulSets and ReplicaSets. */
  readonly workloads: readonly Workload[];
  readonly claims: readonly JsonObject[];
  /** How each claim is captured, by its name; a claim that is not there counts as read live. */
  readonly methods: Readonly<Partial<Record<string, VolumeMethod>>>;
}

/** A workload with its kind: objects of a list do not say it. */
export interface Workload {
  readonly type: ResourceType;
  readonly object: JsonObject;
}

export interface PluginContext {
  readonly cluster: Cluster;
  /** Names the run; the same in every attempt. */
  readonly run: string;
  readonly signal: AbortSignal;
  /** Says that the plugin is still at work; call it at least every three seconds. */
  readonly beat: () => void;
  readonly keep: StreamSink;
}

/**
 * Keeps a stream with the backup, under a name that is unique in the task (`wal.tar`, `database-app.dump`). Rejects with what the stream
 * rejects with, and keeps nothing then. The same name again takes the place of the earlier one.
 */
export type StreamSink = (name: string, content: AsyncIterable<Buffer>) => Promise<void>;

export interface QuiesceOutcome {
  /** Small, no secrets; it comes back to `renew` and `release`. */
  readonly state: JsonObject;
  readonly warnings: readonly Issue[];
  /** The task's guarantee did not hold until the end: what was captured is only as consistent as its method makes it. A warning says why. */
  readonly broken?: true;
  /** What a restore must add to the captured data; from `release` only. */
  readonly putBack?: readonly PutBack[];
}
