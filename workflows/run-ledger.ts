import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  defineQuery,
  isCancellation,
  log,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { QUERY_LOG } from '../contracts/backup.ts';
import { RunPhase, type Issue, type LogLine, type StepTiming } from '../contracts/outcome.ts';
import { attributesOfNewRun, SEARCH_ATTRIBUTES, type RunLabels } from '../contracts/search-attributes.ts';

/** Kept per run; what goes beyond is counted, so that a run over a broken cluster cannot outgrow Temporal's limits. */
const MAX_ISSUES = 200;
const MAX_LOG_LINES = 1_000;

const runLog = defineQuery<readonly LogLine[]>(QUERY_LOG);

/**
 * What every run keeps about itself: its log, how long each step took, and its warnings and errors apart. Answers the query `log`.
 * The times are the workflow's own, so they replay.
 */
export class RunLedger {
  readonly startedAt = now();
  step = 'starting';
  warningCount = 0;
  errorCount = 0;
  readonly #log: LogLine[] = [];
  readonly #steps: StepTiming[] = [];
  readonly #warnings: Issue[] = [];
  readonly #errors: Issue[] = [];

  constructor() {
    setHandler(runLog, () => this.#log);
  }

  get logLines(): readonly LogLine[] {
    return this.#log;
  }

  /** What every result of a run carries. */
  account(): {
    warnings: readonly Issue[];
    errors: readonly Issue[];
    startedAt: string;
    completedAt: string;
    steps: readonly StepTiming[];
  } {
    return {
      warnings: withRest(this.#warnings, this.warningCount),
      errors: withRest(this.#errors, this.errorCount),
      startedAt: this.startedAt,
      completedAt: now(),
      steps: this.#steps,
    };
  }

  async during<T>(step: string, work: () => Promise<T>): Promise<T> {
    const startedAt = now();
    this.step = step;
    this.say('info', `${step} ...`);
    try {
      return await work();
    } finally {
      this.#steps.push({ step, startedAt, durationMs: Date.now() - Date.parse(startedAt) });
    }
  }

  say(level: LogLine['level'], message: string): void {
    if (this.#log.length < MAX_LOG_LINES) this.#log.push({ time: now(), level, message });
    log[level](message);
  }

  warn(issues: readonly Issue[]): void {
    for (const issue of issues) {
      this.warningCount += 1;
      if (this.#warnings.length < MAX_ISSUES) this.#warnings.push(issue);
      this.say('warn', sentence(issue));
    }
  }

  fail(issues: readonly Issue[]): void {
    for (const issue of issues) {
      this.errorCount += 1;
      if (this.#errors.length < MAX_ISSUES) this.#errors.push(issue);
      this.say('error', sentence(issue));
    }
  }
}

/** Runs a piece of work whose failure is a line in the run's list of errors, not the end of the run. Cancellation passes through. */
export async function orIssue<T>(work: () => Promise<T>, describe: (cause: string) => Issue): Promise<T | Issue> {
  try {
    return await work();
  } catch (error) {
    if (isCancellation(error)) throw error;
    return describe(causeOf(error));
  }
}

export function isIssue(value: unknown): value is Issue {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}

/** What Temporal's lists can filter by, for a run that another run starts. */
export function labelsOf(run: RunLabels): { readonly typedSearchAttributes: TypedSearchAttributes } {
  const attributes = attributesOfNewRun(run);
  const typed = attributes.map(([attribute, value]) => ({ key: defineSearchAttributeKey(attribute, SearchAttributeType.KEYWORD), value }));
  return { typedSearchAttributes: new TypedSearchAttributes(typed) };
}

/** Publishes how a run ended where Temporal's lists can filter by it. */
export function publishPhase(phase: RunPhase): void {
  upsertSearchAttributes({
    [SEARCH_ATTRIBUTES.phase]: [phase],
    [SEARCH_ATTRIBUTES.needsAttention]: [String(phase === RunPhase.Failed || phase === RunPhase.PartiallyFailed)],
  });
}

/** Failures that only say which activity or child failed; the cause says why. */
function isWrapped(error: unknown): error is ActivityFailure | ChildWorkflowFailure {
  return error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
}

/** The error that says why, under Temporal's wrapping. */
export function causeOf(error: unknown): string {
  const cause = isWrapped(error) && error.cause ? error.cause : error;
  if (cause instanceof ApplicationFailure) return cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}

/** Ends the workflow with the activity's own failure instead of Temporal's "Activity task failed", and notes it in the run's log. */
export async function failWithCause<T>(ledger: RunLedger, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    ledger.say('error', isCancellation(error) ? 'cancelled' : causeOf(error));
    if (!isCancellation(error)) publishPhase(RunPhase.Failed);
    if (isWrapped(error) && error.cause instanceof ApplicationFailure) throw error.cause;
    if (isWrapped(error) && !isCancellation(error)) {
      const what = error instanceof ActivityFailure ? error.activityType : error.workflowType;
      throw ApplicationFailure.create({ type: 'Unavailable', message: `${what}: ${causeOf(error)}`, nonRetryable: true });
    }
    throw error;
  }
}

function withRest(issues: readonly Issue[], count: number): readonly Issue[] {
  const rest = count - issues.length;
  return rest > 0 ? [...issues, { code: 'More', message: `and ${rest} more` }] : issues;
}

function sentence(issue: Issue): string {
  return issue.advice === undefined || issue.advice === '' ? issue.message : `${issue.message}; ${issue.advice}`;
}

function now(): string {
  return new Date().toISOString();
}
