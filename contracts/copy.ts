import type { Issue, RunPhase, StepTiming } from './outcome.ts';

/** Input of the workflow `copyRepository`. Names of locations, as the worker's configuration knows them. */
export interface CopyRepositoryInput {
  readonly from: string;
  readonly to: string;
  /** Set when the run goes on in a new execution. */
  readonly resume?: { readonly state: CopyState; readonly startedAt: string };
}

/** Kinds of stored objects, in the order in which they are copied. */
export const COPY_STAGES = ['packs', 'volumes', 'indexes', 'records', 'keys', 'manifests', 'configuration'] as const;
export type CopyStage = (typeof COPY_STAGES)[number];

/** Where a batch begins: after that key ('' at the beginning) of that stage. */
export interface CopyCursor {
  readonly stage: CopyStage;
  readonly after: string;
}

export interface CopyTotals {
  /** Objects that were brought over, and their bytes. */
  readonly copied: number;
  readonly bytes: number;
  /** Of `copied`: by the store itself, without passing through the worker. */
  readonly serverSide: number;
  /** Objects that the copy had already. */
  readonly known: number;
  /** Objects that could not be copied. */
  readonly failed: number;
}

/** All that a copy keeps between batches. */
export interface CopyState {
  /** Absent when everything has been copied. */
  readonly cursor?: CopyCursor;
  /** Newest manifest to copy; 0 when there is none. */
  readonly throughSequence: number;
  readonly totals: CopyTotals;
  readonly errors: readonly Issue[];
}

export interface CopyBatchInput {
  readonly from: string;
  readonly to: string;
  readonly cursor: CopyCursor;
  readonly throughSequence: number;
}

export interface CopyBatchResult {
  /** Absent when everything has been copied. */
  readonly next?: CopyCursor;
  readonly totals: CopyTotals;
  readonly errors: readonly Issue[];
}

export interface CopyRepositoryResult {
  readonly from: string;
  readonly to: string;
  readonly phase: RunPhase;
  readonly totals: CopyTotals;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly steps: readonly StepTiming[];
}

/** Answer of the query `progress` of a copy. */
export interface CopyProgress {
  readonly phase: RunPhase;
  readonly step: string;
  readonly totals: CopyTotals;
  readonly warnings: number;
  readonly errors: number;
}

export interface CopyActivities {
  /** Compares both places and notes how far to copy. `Conflict` when the copy is not one of this repository. Writes nothing. */
  planCopy(input: { readonly from: string; readonly to: string }): Promise<{ readonly throughSequence: number }>;
  /** Copies some hundred objects at most. Safe to repeat: what is there is not sent again. */
  copyBatch(input: CopyBatchInput): Promise<CopyBatchResult>;
}
