import type { ApplyBatchResult } from '../../contracts/activities.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { countAction, emptyCounts } from '../../domain/plan/outcome.ts';
import type { Outcome } from './apply-object.ts';

/** Issues of one batch that are listed one by one; more are summed up. */
const MAX_ISSUES = 50;

interface Checkpoint extends ApplyBatchResult {
  /** Objects of the batch, from its beginning, whose outcome is in here. */
  readonly done: number;
  /** All warnings and errors; the lists hold the first ones. */
  readonly warned: number;
  readonly erred: number;
}

const NOTHING_DONE: Checkpoint = { done: 0, counts: emptyCounts(), failed: 0, unlinked: 0, warnings: [], errors: [], warned: 0, erred: 0 };

/** Counts the outcomes of one batch, across attempts. */
export class Tally {
  #state: Checkpoint;

  private constructor(state: Checkpoint) {
    this.#state = state;
  }

  /** Goes on from what an earlier attempt heartbeated, or from nothing. */
  static resume(details: unknown): Tally {
    const known = typeof details === 'object' && details !== null && 'done' in details;
    return new Tally(known ? (details as Checkpoint) : NOTHING_DONE);
  }

  get done(): number {
    return this.#state.done;
  }

  /** `failed`: an object that failed with others, for which there is one issue already. */
  add(outcome: Outcome | Issue | 'failed' | undefined): void {
    const state = { ...this.#state, done: this.#state.done + 1 };
    if (outcome === undefined) this.#state = state;
    else if (outcome === 'failed') this.#state = { ...state, failed: state.failed + 1 };
    else if ('code' in outcome) this.#state = withError({ ...state, failed: state.failed + 1 }, outcome);
    else this.#state = withOutcome(state, outcome);
  }

  /** Small and without secrets: it travels in heartbeats. */
  checkpoint(): unknown {
    return this.#state;
  }

  result(): ApplyBatchResult {
    const { counts, failed, unlinked, warnings, errors, warned, erred } = this.#state;
    return { counts, failed, unlinked, warnings: withRest(warnings, warned), errors: withRest(errors, erred) };
  }
}

function withOutcome(state: Checkpoint, outcome: Outcome): Checkpoint {
  const counted = {
    ...state,
    counts: countAction(state.counts, outcome.action),
    unlinked: state.unlinked + (outcome.unlinked ? 1 : 0),
    warned: state.warned + (outcome.warning ? 1 : 0),
    warnings: outcome.warning ? listed(state.warnings, outcome.warning) : state.warnings,
  };
  return outcome.error ? withError(counted, outcome.error) : counted;
}

function withError(state: Checkpoint, error: Issue): Checkpoint {
  return { ...state, erred: state.erred + 1, errors: listed(state.errors, error) };
}

function listed(issues: readonly Issue[], issue: Issue): readonly Issue[] {
  return issues.length < MAX_ISSUES ? [...issues, issue] : issues;
}

function withRest(issues: readonly Issue[], count: number): readonly Issue[] {
  const rest = count - issues.length;
  return rest > 0 ? [...issues, { code: 'More', message: `and ${rest} more like these` }] : issues;
}
