import type { JsonObject } from '../contracts/json.ts';

/** What pods of movers look like in a cluster. Everything that is absent is Kubernetes' default, or the one named here. */
export interface PodMoverSettings {
  /** Image with restic 0.18 or newer, a shell, find, stat and awk: the stock one, for example `restic/restic:0.18.1`. */
  readonly image: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets?: readonly string[];
  readonly resources?: JsonObject;
  readonly priorityClassName?: string;
  /** Not for pods that belong to one node. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly JsonObject[];
  readonly serviceAccount?: string;
  readonly runtimeClassName?: string;
  /** In place of the container's: root without capabilities, but for those that reading or writing other users' files takes. */
  readonly securityContext?: JsonObject;
  /** The node's network in place of the pod network. */
  readonly hostNetwork?: boolean;
  /** Besides our own. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Names of hosts that DNS does not know, by address. */
  readonly hostAliases?: readonly JsonObject[];
  /** For `file://` locations: a volume (its `hostPath`, `nfs`, `persistentVolumeClaim`...) that holds `path`, the location's folder or one above it. */
  readonly location?: { readonly path: string; readonly volume: JsonObject };
  /** Seconds after which Kubernetes itself ends a pod, whoever has forgotten it; default 7 days. */
  readonly deadlineSeconds?: number;
  /** Milliseconds that a pod may take to start; default 5 minutes. */
  readonly startTimeoutMs?: number;
  /** Milliseconds between two looks at a pod; default 1000. */
  readonly pollMs?: number;
}
