import { FailureType } from '../contracts/failures.ts';
import type { RunPhase } from '../contracts/outcome.ts';

/** What the process's exit code says; part of the command line's contract. */
export const ExitCode = {
  Done: 0,
  Error: 1,
  Usage: 2,
  NotFound: 3,
  PartiallyFailed: 4,
  Failed: 5,
  TimedOut: 6,
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const OF_FAILURE: Readonly<Partial<Record<string, ExitCode>>> = {
  [FailureType.BadInput]: ExitCode.Usage,
  [FailureType.NotFound]: ExitCode.NotFound,
};

/** What was asked for cannot be used (2), or is not where it was said to be (3). In the middle of a run the same is a failed run. */
const OF_COMMAND: typeof OF_FAILURE = {
  ...OF_FAILURE,
  [FailureType.AlreadyExists]: ExitCode.Usage,
  [FailureType.Conflict]: ExitCode.Usage,
  [FailureType.Forbidden]: ExitCode.Usage,
  [FailureType.WrongKey]: ExitCode.Usage,
  [FailureType.NewerFormat]: ExitCode.Usage,
  [FailureType.LocationGone]: ExitCode.NotFound,
  [FailureType.Unavailable]: ExitCode.NotFound,
};

const OF_PHASE: Readonly<Record<RunPhase, ExitCode>> = {
  Completed: ExitCode.Done,
  Running: ExitCode.Done,
  PartiallyFailed: ExitCode.PartiallyFailed,
  Failed: ExitCode.Failed,
  Canceled: ExitCode.Failed,
};

/** For a failure that ended the command itself. */
export function exitCodeOfFailure(type: string): ExitCode {
  return OF_COMMAND[type] ?? ExitCode.Error;
}

/** For a run that failed as a whole. */
export function exitCodeOfFailedRun(type: string): ExitCode {
  return OF_FAILURE[type] ?? ExitCode.Failed;
}

/** For a run that ended. */
export function exitCodeOfPhase(phase: RunPhase): ExitCode {
  return OF_PHASE[phase];
}
