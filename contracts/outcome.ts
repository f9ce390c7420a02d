import type { ObjectId } from './resource.ts';

/** How a run ended. Partial failure is an outcome with a list, not an exception. */
export const RunPhase = {
  Running: 'Running',
  Completed: 'Completed',
  PartiallyFailed: 'PartiallyFailed',
  Failed: 'Failed',
  Canceled: 'Canceled',
} as const;
export type RunPhase = (typeof RunPhase)[keyof typeof RunPhase];

/** One thing that went wrong or that the user should know: what, where, what to do. Never holds object content. */
export interface Issue {
  /** Stable, for scripts: `KindUnavailable`, `RevisionFallback`, `Forbidden` ... */
  readonly code: string;
  readonly message: string;
  /** The object or kind concerned; `name` is '' when it is a kind. */
  readonly object?: ObjectId;
  /** What the user can do about it. */
  readonly advice?: string;
}

/** One line of a run's log, kept with the run so that it can be read without the worker's machine. */
export interface LogLine {
  /** ISO-8601, UTC. */
  readonly time: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** How long one step of a run took. */
export interface StepTiming {
  readonly step: string;
  readonly startedAt: string;
  readonly durationMs: number;
}
