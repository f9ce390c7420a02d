import { continueAsNew, defineQuery, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import { QUERY_PROGRESS } from '../contracts/backup.ts';
import type { CopyActivities, CopyProgress, CopyRepositoryInput, CopyRepositoryResult, CopyState } from '../contracts/copy.ts';
import { RunPhase } from '../contracts/outcome.ts';
import { addCopyTotals, FIRST_CURSOR, NOTHING_COPIED } from '../domain/copy/totals.ts';
import * as policy from './activity-options.ts';
import { failWithCause, publishPhase, RunLedger } from './run-ledger.ts';

const { planCopy } = proxyActivities<CopyActivities>(policy.decide);
const { copyBatch } = proxyActivities<CopyActivities>(policy.moveBatch);

const progress = defineQuery<CopyProgress>(QUERY_PROGRESS);

/** Of the errors of all batches; the number of failed objects is exact anyway. */
const MAX_ERRORS = 100;

/**
 * The life of one copy: see that the other place is a copy or empty, then bring over what it lacks, in an order in which it never claims more
 * than it holds. A long copy goes on in new executions, so its history stays short.
 */
export async function copyRepository(input: CopyRepositoryInput): Promise<CopyRepositoryResult> {
  const { from, to } = input;
  const ledger = new RunLedger();
  const startedAt = input.resume?.startedAt ?? ledger.startedAt;
  let state: CopyState | undefined = input.resume?.state;
  let phase: RunPhase = RunPhase.Running;
  setHandler(progress, () => ({
    phase,
    step: ledger.step,
    totals: state?.totals ?? NOTHING_COPIED,
    warnings: ledger.warningCount,
    errors: ledger.errorCount,
  }));

  const ended = await failWithCause(ledger, async () => {
    state ??= await ledger.during('plan', async () => ({ ...(await planCopy({ from, to })), ...BEGINNING }));
    await ledger.during('copy', async () => {
      while (state?.cursor && !workflowInfo().continueAsNewSuggested) state = await nextBatch(input, state);
    });
    return state.cursor === undefined;
  });
  if (!ended && state) return continueAsNew<typeof copyRepository>({ from, to, resume: { state, startedAt } });

  const { totals, errors } = state ?? BEGINNING;
  ledger.fail(errors);
  phase = totals.failed > 0 ? RunPhase.PartiallyFailed : RunPhase.Completed;
  publishPhase(phase);
  return { from, to, phase, totals, ...ledger.account(), startedAt };
}

const BEGINNING = { cursor: FIRST_CURSOR, totals: NOTHING_COPIED, errors: [] } as const;

async function nextBatch({ from, to }: CopyRepositoryInput, state: CopyState): Promise<CopyState> {
  const { cursor, throughSequence } = state;
  if (!cursor) return state;
  const done = await copyBatch({ from, to, cursor, throughSequence });
  const errors = [...state.errors, ...done.errors].slice(0, MAX_ERRORS);
  return { ...(done.next ? { cursor: done.next } : {}), throughSequence, totals: addCopyTotals(state.totals, done.totals), errors };
}
