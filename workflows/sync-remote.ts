import { proxyActivities } from '@temporalio/workflow';
import type { GitActivities, GitSynced, SyncGitInput } from '../contracts/git.ts';
import * as policy from './activity-options.ts';
import type { RunLedger } from './run-ledger.ts';

const { syncToGit } = proxyActivities<GitActivities>(policy.publish);

/** Brings one remote to the state of its source: a step of a run, whose ledger gets what could not be read. Fails when nothing was pushed. */
export async function syncRemote(ledger: RunLedger, input: SyncGitInput): Promise<GitSynced> {
  const { warnings, errors, ...synced } = await ledger.during(`git ${input.remote}`, () => syncToGit(input));
  ledger.warn(warnings);
  ledger.fail(errors);
  return synced;
}
