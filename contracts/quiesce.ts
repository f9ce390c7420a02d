import type { BackupProjectInput } from './backup.ts';
import type { JsonObject } from './json.ts';
import type { BackupSizes } from './manifest.ts';
import type { Issue } from './outcome.ts';
import type { Consistency } from './volume.ts';

/** One application that a plugin brings to a consistent state. Goes through Temporal's history: no secrets. */
export interface QuiesceTask {
  /** Unique in the run, the same in every attempt: `<plugin>/<namespace>/<name>`. */
  readonly id: string;
  readonly plugin: string;
  readonly namespace: string;
  /** Of the application, for people: a StatefulSet's, a pod's. */
  readonly application: string;
  /** What the plugin needs to find and treat it again; its shape is the plugin's business. */
  readonly settings: JsonObject;
  /** Seconds that quiescing may take, and after which the pod releases by itself when nobody renews it. */
  readonly timeoutSeconds: number;
  readonly leaseSeconds: number;
  /**
   * What becomes of the application's volumes when quiescing fails; those of others are captured in any case. `fail`: they are not captured.
   * `report`: they are, and the backup is partly failed. `continue`: they are, with a warning.
   */
  readonly onError: 'fail' | 'report' | 'continue';
  /** Claims that are consistent while it holds, by name. */
  readonly claims: readonly string[];
  /** Claims whose files are not captured: what they hold is in what the plugin keeps, and a restore brings it back through the application. */
  readonly replaces?: readonly string[];
  /** The workload that the application's pods come from, nearest to the top; absent for pods of their own. Restored pods are found by it. */
  readonly workload?: { readonly kind: string; readonly name: string };
  /** What the plugin promises when it succeeds. */
  readonly guarantee: Consistency;
}

/** What a plugin knows after it has quiesced, and needs for releasing. Small, no secrets. */
export interface QuiesceState {
  readonly task: QuiesceTask;
  readonly state: JsonObject;
  /** ISO-8601. */
  readonly quiescedAt: string;
}

/** What a restore writes into a volume after the captured data, for the application to start from a consistent state. Below the volume's root. */
export type PutBack =
  /** A small text file with mode 0600, of the same owner as the folder that it is in. */
  | { readonly kind: 'file'; readonly claim: string; readonly path: string; readonly content: string }
  /** A tar that the plugin gave to the sink under the name `stream`, unpacked into the folder `path`, over what is there. */
  | { readonly kind: 'tar'; readonly claim: string; readonly path: string; readonly stream: string }
  /** A file that must not be there. */
  | { readonly kind: 'absent'; readonly claim: string; readonly path: string };

/** A stream that a plugin has kept with the backup. */
export interface KeptStream {
  /** As the plugin calls it; unique in its task. */
  readonly name: string;
  /** Segment id of the list of its pieces. */
  readonly id: string;
  readonly bytes: number;
}

export interface StreamsStored {
  readonly streams: readonly KeptStream[];
  /** Segment id of the part that lists them; '' when nothing was kept. */
  readonly part: string;
  readonly sizes: BackupSizes;
}

/** What quiescing or releasing one application came to. */
export interface QuiesceResult extends StreamsStored {
  readonly state: QuiesceState;
  readonly warnings: readonly Issue[];
  /** The guarantee did not hold until the end. */
  readonly isBroken: boolean;
  readonly putBack: readonly PutBack[];
}

export interface QuiesceInput {
  readonly backup: BackupProjectInput;
  readonly runId: string;
  readonly task: QuiesceTask;
}

export interface HoldInput extends QuiesceInput {
  readonly state: QuiesceState;
}

export interface ReleaseInput extends QuiesceInput {
  /** Absent when quiescing was cut off. */
  readonly state?: QuiesceState;
}

export interface QuiesceActivities {
  /** Brings one application into a consistent state. Safe to repeat. */
  quiesceApplication(input: QuiesceInput): Promise<QuiesceResult>;
  /** Renews the lease of a quiesced application until it is cancelled; rejects with `Conflict` when the application is not held any more. */
  holdApplication(input: HoldInput): Promise<void>;
  /** Lets it go. Safe to repeat, and succeeds when there is nothing to let go. */
  releaseApplication(input: ReleaseInput): Promise<QuiesceResult>;
}
