import type { JsonObject } from './json.ts';
import type { KeptStream, QuiesceTask } from './quiesce.ts';
import type { Consistency } from './volume.ts';

/** One application that a plugin treated, as a backup's manifest keeps it: what a restore needs to bring back what is not in its files. */
export interface CapturedApplication {
  readonly task: QuiesceTask;
  /** What the plugin knew when it had let the application go. */
  readonly state: JsonObject;
  /** What was reached; `none` when the promise did not hold until the end. */
  readonly consistency: Consistency;
  readonly streams: readonly KeptStream[];
  /** ISO-8601. */
  readonly quiescedAt: string;
  /** ISO-8601; '' when it could not be released. */
  readonly releasedAt: string;
}

/** What bringing one application back came to, after its pods were there. */
export interface RecoveredApplication {
  readonly plugin: string;
  /** As it is in the cluster now. */
  readonly namespace: string;
  readonly application: string;
  /** `left`: nothing was written, on purpose. */
  readonly outcome: 'recovered' | 'left' | 'failed';
  /** Why it was left or failed; '' when it was recovered. */
  readonly reason: string;
}
