import { proxyActivities } from '@temporalio/workflow';
import type { GitActivities, ImportCommitInput, ImportCommitResult } from '../contracts/git.ts';
import { RunPhase } from '../contracts/outcome.ts';
import * as policy from './activity-options.ts';
import { failWithCause, publishPhase, RunLedger } from './run-ledger.ts';

const { importCommit: bringIn } = proxyActivities<GitActivities>(policy.publish);

/** Makes a backup of a commit's objects, for a restore to take them from. */
export async function importCommit(input: ImportCommitInput): Promise<ImportCommitResult> {
  const ledger = new RunLedger();
  const { warnings, ...imported } = await failWithCause(ledger, () => ledger.during('import', () => bringIn(input)));
  ledger.warn(warnings);
  publishPhase(RunPhase.Completed);
  return { ...imported, phase: RunPhase.Completed, ...ledger.account() };
}
