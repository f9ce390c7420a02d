import { proxyActivities, sleep } from '@temporalio/workflow';
import type { BackupActivities } from '../../contracts/activities.ts';
import type { BackupProjectInput } from '../../contracts/backup.ts';
import * as policy from '../../workflows/activity-options.ts';

const { planBackup } = proxyActivities<BackupActivities>(policy.decide);

/** The same wire name with another order of steps: what a careless change would be. The replay test must catch it. */
export async function backupProject(input: BackupProjectInput): Promise<void> {
  await sleep('1s');
  await planBackup(input);
}
