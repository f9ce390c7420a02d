/**
 * The closed list of failures that leave an activity, by the `type` of Temporal's ApplicationFailure. Code compares these strings,
 * never classes: a failure crosses processes. Retryability is part of the type.
 */
export const FailureType = {
  /** The request itself is wrong; a retry cannot help. */
  BadInput: 'BadInput',
  NotFound: 'NotFound',
  AlreadyExists: 'AlreadyExists',
  /** A restore with policy `fail` met objects that differ. */
  Conflict: 'Conflict',
  /** The credentials do not permit it. */
  Forbidden: 'Forbidden',
  /** The key does not open the repository. */
  WrongKey: 'WrongKey',
  /** Stored data is not what was written: damaged, swapped or forged. */
  Damaged: 'Damaged',
  /** Written by a newer Holdfast. */
  NewerFormat: 'NewerFormat',
  /** A lock of the store (Object Lock, immutability) forbids to delete or change an object for now. */
  Locked: 'Locked',
  /** Bucket or folder is gone. */
  LocationGone: 'LocationGone',
  /** The API server or the store cannot be reached or is overloaded; retried. */
  Unavailable: 'Unavailable',
} as const;
export type FailureType = (typeof FailureType)[keyof typeof FailureType];

/** Retried by Temporal; every other type ends the activity at once. */
export const RETRYABLE_FAILURES: readonly FailureType[] = [FailureType.Unavailable];

/**
 * An error that a user can act on: what, where and what to do, in one line, without secrets. Adapters throw it; the one place that maps
 * it to Temporal's failures is workers/classify-failure.ts, and the one that maps it to exit codes is cli/exit-codes.ts.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly type: FailureType;
  /** What to do about it; '' when there is nothing to advise. */
  readonly advice: string;
  /** Milliseconds that the server asked to wait before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(
    type: FailureType,
    message: string,
    options: { readonly advice?: string; readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.advice = options.advice ?? '';
    this.retryAfterMs = options.retryAfterMs;
  }
}
