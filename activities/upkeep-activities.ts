import { log } from '@temporalio/activity';
import type { CopyActivities } from '../contracts/copy.ts';
import type { ScheduleActivities } from '../contracts/schedule.ts';
import { copyBatch } from '../repository/copy/copy-batch.ts';
import { planCopy, type CopyPlaces } from '../repository/copy/plan-copy.ts';
import { checkResult } from './catalog/check-repository.ts';
import { pruneBackups } from './catalog/prune-backups.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse, type Pulse } from './heartbeat.ts';

/** What keeps locations in order: copies, retention and checks. */
export function upkeepActivities(dependencies: ActivityDependencies): CopyActivities & ScheduleActivities {
  const places = async (names: { readonly from: string; readonly to: string }): Promise<CopyPlaces> => ({
    from: await dependencies.store(names.from),
    to: await dependencies.store(names.to),
  });

  return {
    planCopy: (input) => withPulse(async ({ signal }) => planCopy(await places(input), { signal })),
    copyBatch: (input) => withPulse(async (pulse) => copyBatch(await places(input), input, followed(pulse))),
    pruneBackups: (input) =>
      withPulse(async (pulse) => {
        const work = {
          repository: await dependencies.maintenanceRepository(input.location),
          cluster: () => dependencies.cluster(input.cluster),
          onLeft: (message: string) => {
            log.warn(message);
          },
        };
        return pruneBackups(work, input, pulse);
      }),
    checkRepository: ({ location, readShare }) =>
      withPulse(async (pulse) =>
        checkResult(await dependencies.checkLocation(location, { readDataPercent: readShare * 100, ...followed(pulse) })),
      ),
  };
}

function followed({ signal, beat }: Pulse): { readonly signal: AbortSignal; readonly onProgress: () => void } {
  return {
    signal,
    onProgress: () => {
      beat();
    },
  };
}
