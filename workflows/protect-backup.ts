import { executeChild, proxyActivities } from '@temporalio/workflow';
import type { BackupActivities } from '../contracts/activities.ts';
import type { CopyRepositoryResult } from '../contracts/copy.ts';
import { RunPhase } from '../contracts/outcome.ts';
import type { AfterBackup } from '../contracts/protection.ts';
import { copyWorkflowId } from '../contracts/workflow-ids.ts';
import * as policy from './activity-options.ts';
import { copyRepository } from './copy-repository.ts';
import { isIssue, labelsOf, orIssue, type RunLedger } from './run-ledger.ts';

const { lockBackup } = proxyActivities<BackupActivities>(policy.commit);

const DAY_MS = 86_400_000;
const NOTHING_AFTERWARDS: AfterBackup = { lockDays: 0, copyTo: [] };

export interface CommittedBackup {
  readonly backup: { readonly name: string; readonly cluster: string; readonly location: string };
  readonly sequence: number;
  readonly ledger: RunLedger;
  /** Absent in plans made before there was anything to ask for. */
  readonly afterwards: AfterBackup | undefined;
}

/**
 * Locks and copies, as the location's settings say, and returns which locations have a copy. The backup exists by now: what fails here is an
 * error in the list.
 */
export async function protectBackup(committed: CommittedBackup): Promise<readonly string[]> {
  const { backup, sequence, ledger, afterwards } = committed;
  const { lockDays, copyTo } = afterwards ?? NOTHING_AFTERWARDS;
  if (lockDays > 0) {
    const until = new Date(Date.now() + lockDays * DAY_MS).toISOString();
    const locked = await orIssue(
      () => ledger.during('lock', () => lockBackup({ location: backup.location, sequence, until })),
      (cause) => ({ code: 'LockFailed', message: `the backup is not locked: ${cause}` }),
    );
    if (isIssue(locked)) ledger.fail([locked]);
  }
  const copies: string[] = [];
  for (const to of copyTo) {
    const copied = await orIssue(
      () => ledger.during(`copy to ${to}`, () => copyAfterwards(backup, to)),
      (cause) => ({ code: 'CopyFailed', message: `no copy in "${to}": ${cause}`, advice: `\`holdfast backup copy --to ${to}\` goes on` }),
    );
    if (isIssue(copied)) ledger.fail([copied]);
    else {
      ledger.fail(copied.errors);
      if (copied.phase === RunPhase.Completed) copies.push(to);
    }
  }
  return copies;
}

/** A run of its own, named after the backup: copies of several backups may go on at once, each sends what it still misses. */
function copyAfterwards({ name, cluster, location }: CommittedBackup['backup'], to: string): Promise<CopyRepositoryResult> {
  return executeChild(copyRepository, {
    workflowId: `${copyWorkflowId(location, to)}/${name}`,
    args: [{ from: location, to }],
    staticSummary: `copy ${location} to ${to}`,
    ...labelsOf({ kind: 'copy', name: `${location} to ${to}`, cluster, location: to }),
  });
}
