import type { HoldfastActivities } from '../contracts/activities.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import { applyBatch } from './apply/apply-batch.ts';
import { awaitReady } from './apply/await-ready.ts';
import { prepareRestore } from './apply/prepare-restore.ts';
import { relinkOwners } from './apply/relink-owners.ts';
import { openSession, type RestoreSession } from './apply/restore-session.ts';
import { captureRelated } from './capture/capture-related.ts';
import { captureResources } from './capture/capture-resources.ts';
import { planBackup } from './capture/plan-backup.ts';
import { commitBackup } from './catalog/commit-backup.ts';
import { recordRestore } from './catalog/record-restore.ts';
import { verifyStored } from './catalog/verify-stored.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { verifyRestored } from './verify/verify-restored.ts';

/** Every activity that a worker serves, bound to the clients of this process. Each runs with a pulse: heartbeats and cancellation. */
export function createActivities(dependencies: ActivityDependencies): HoldfastActivities {
  const sessionOf = async (restore: RestoreProjectInput, sequence: number): Promise<RestoreSession> => {
    const repository = await dependencies.repository(restore.location);
    const { manifest } = await repository.readBackup(sequence);
    return openSession({ cluster: await dependencies.cluster(restore.cluster), repository, restore, manifest });
  };

  return {
    planBackup: (input) => withPulse(async ({ signal }) => planBackup(await dependencies.cluster(input.cluster), input, signal)),
    captureResources: (input) =>
      withPulse(async (pulse) =>
        captureResources({
          cluster: await dependencies.cluster(input.backup.cluster),
          repository: await dependencies.repository(input.backup.location),
          input,
          pulse,
        }),
      ),
    captureRelated: (input) =>
      withPulse(async (pulse) =>
        captureRelated({
          cluster: await dependencies.cluster(input.backup.cluster),
          repository: await dependencies.repository(input.backup.location),
          input,
          pulse,
        }),
      ),
    verifyStored: (input) => withPulse(async (pulse) => verifyStored(await dependencies.repository(input.location), input, pulse)),
    commitBackup: (input) => withPulse(async () => commitBackup(await dependencies.repository(input.backup.location), input)),

    prepareRestore: (restore) =>
      withPulse(async (pulse) =>
        prepareRestore(
          { cluster: await dependencies.cluster(restore.cluster), repository: await dependencies.repository(restore.location), restore },
          pulse,
        ),
      ),
    applyBatch: (input) => withPulse(async (pulse) => applyBatch(await sessionOf(input.restore, input.sequence), input, pulse)),
    awaitReady: (input) => withPulse(async (pulse) => awaitReady(await sessionOf(input.restore, input.sequence), input, pulse)),
    relinkOwners: (input) => withPulse(async (pulse) => relinkOwners(await sessionOf(input.restore, input.sequence), input, pulse)),
    verifyRestored: (input) => withPulse(async (pulse) => verifyRestored(await sessionOf(input.restore, input.sequence), input, pulse)),
    recordRestore: (input) => withPulse(async () => recordRestore(await dependencies.repository(input.restore.location), input)),
  };
}
