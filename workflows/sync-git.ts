import type { SyncGitInput, SyncGitResult } from '../contracts/git.ts';
import { RunPhase } from '../contracts/outcome.ts';
import { failWithCause, publishPhase, RunLedger } from './run-ledger.ts';
import { syncRemote } from './sync-remote.ts';

/** One sync of a Git remote: read the source, make one commit of what changed, push it. Nothing changed: no commit. */
export async function syncGit(input: SyncGitInput): Promise<SyncGitResult> {
  const ledger = new RunLedger();
  const synced = await failWithCause(ledger, () => syncRemote(ledger, input));
  const phase = ledger.errorCount > 0 ? RunPhase.PartiallyFailed : RunPhase.Completed;
  publishPhase(phase);
  return { ...synced, phase, ...ledger.account() };
}
