import type { JsonObject } from './json.ts';

/** A command to be run in a pod before or after its capture. */
export interface Hook {
  /** '' for the pod's first. */
  readonly container: string;
  readonly command: readonly string[];
  readonly onError: 'fail' | 'continue';
  readonly timeoutSeconds: number;
}

/** Which pods a rule is for. */
export interface HookScope {
  /** For people; '' for none. */
  readonly name: string;
  /** Globs; empty for every namespace. */
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  /** Label selector; '' for every pod. */
  readonly labelSelector: string;
}

/** Commands for all pods that a backup meets, as in `spec.hooks.resources` of a Velero Backup. */
export interface HookRule extends HookScope {
  readonly pre: readonly Hook[];
  readonly post: readonly Hook[];
}

/** A command to be run in a pod once a restore has brought it back. */
export interface RestoreHook {
  /** '' for the pod's first. */
  readonly container: string;
  readonly command: readonly string[];
  /** `fail` makes the restore partially failed, and ends the commands of the pod. */
  readonly onError: 'fail' | 'continue';
  readonly execSeconds: number;
  /** How long the container may take to run. */
  readonly waitSeconds: number;
  /** Wait until the container is ready, and not only until it runs. */
  readonly waitForReady: boolean;
}

/** What all pods that a restore brings back are given, as in `spec.hooks.resources` of a Velero Restore. Namespaces are those of the restored pods. */
export interface RestoreHookRule extends HookScope {
  readonly commands: readonly RestoreHook[];
  /** Init containers that run before the pod's own, as Kubernetes writes them. */
  readonly initContainers: readonly JsonObject[];
}

/** The pods of a workload, or one pod, and what is to be run in each of them. */
export interface HookTarget {
  /** As it is in the cluster after the restore. */
  readonly namespace: string;
  /** `Pod`, or the kind of the workload. */
  readonly kind: string;
  readonly name: string;
  readonly hooks: readonly RestoreHook[];
}

/** How many commands were run, or should have been, and how many of these failed. */
export interface HookCounts {
  readonly attempted: number;
  readonly failed: number;
}
