import type { BackupActivities } from '../contracts/activities.ts';
import type { BackupProjectInput } from '../contracts/backup.ts';
import { extendLocks } from '../repository/gc/extend-locks.ts';
import { captureRelated } from './capture/capture-related.ts';
import { captureResources } from './capture/capture-resources.ts';
import { planBackup } from './capture/plan-backup.ts';
import { commitBackup } from './catalog/commit-backup.ts';
import { verifyStored } from './catalog/verify-stored.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';

export function backupActivities(dependencies: ActivityDependencies): BackupActivities {
  const bothEnds = async ({ cluster, location }: BackupProjectInput) => ({
    cluster: await dependencies.cluster(cluster),
    repository: await dependencies.repository(location),
  });

  return {
    planBackup: (input) =>
      withPulse(async ({ signal }) => {
        // Opened here already, so that a wrong key ends the run at once and not once for every kind.
        const { cluster } = await bothEnds(input);
        return { ...(await planBackup(cluster, input, signal)), afterwards: await dependencies.afterBackup(input.location) };
      }),
    captureResources: (input) => withPulse(async (pulse) => captureResources({ ...(await bothEnds(input.backup)), input, pulse })),
    captureRelated: (input) => withPulse(async (pulse) => captureRelated({ ...(await bothEnds(input.backup)), input, pulse })),
    verifyStored: (input) => withPulse(async (pulse) => verifyStored(await dependencies.repository(input.location), input, pulse)),
    commitBackup: (input) => withPulse(async () => commitBackup(await dependencies.repository(input.backup.location), input)),
    lockBackup: ({ location, sequence, until }) =>
      withPulse(async ({ signal, beat }) => {
        const repository = await dependencies.repository(location);
        const onProgress = (): void => {
          beat();
        };
        await extendLocks(repository, await repository.readBackup(sequence), { until, signal, onProgress });
      }),
  };
}
