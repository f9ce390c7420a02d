import { proxyActivities } from '@temporalio/workflow';
import type { GitActivities, SyncGitInput, SyncGitResult } from '../contracts/git.ts';
import { RunPhase } from '../contracts/outcome.ts';
import * as policy from './activity-options.ts';
import { failWithCause, publishPhase, RunLedger } from './run-ledger.ts';

const { syncToGit } = proxyActivities<GitActivities>(policy.publish);

/** One sync of a Git remote: read the source, make one commit of what changed, push it. Nothing changed: no commit. */
export async function syncGit(input: SyncGitInput): Promise<SyncGitResult> {
  const ledger = new RunLedger();
  const { warnings, errors, ...synced } = await failWithCause(ledger, () => ledger.during('sync', () => syncToGit(input)));
  ledger.warn(warnings);
  ledger.fail(errors);
  const phase = ledger.errorCount > 0 ? RunPhase.PartiallyFailed : RunPhase.Completed;
  publishPhase(phase);
  return { ...synced, phase, ...ledger.account() };
}
