import type { RestoreActivities } from '../contracts/activities.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import { applyBatch } from './apply/apply-batch.ts';
import { awaitReady } from './apply/await-ready.ts';
import { prepareRestore } from './apply/prepare-restore.ts';
import { relinkOwners } from './apply/relink-owners.ts';
import { openSession, type RestoreSession } from './apply/restore-session.ts';
import { recordRestore } from './catalog/record-restore.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { verifyRestored } from './verify/verify-restored.ts';

/** What every activity of a restore works on. */
interface RestorePlace {
  readonly restore: RestoreProjectInput;
  readonly sequence: number;
  readonly lostParts?: readonly string[];
}

export function restoreActivities(dependencies: ActivityDependencies): RestoreActivities {
  const bothEnds = async ({ cluster, location }: RestoreProjectInput) => ({
    cluster: await dependencies.cluster(cluster),
    repository: await dependencies.repository(location),
  });
  const sessionOf = async ({ restore, sequence, lostParts = [] }: RestorePlace): Promise<RestoreSession> => {
    const ends = await bothEnds(restore);
    const { manifest } = await ends.repository.readBackup(sequence);
    return openSession({ ...ends, restore, manifest, lostParts });
  };

  return {
    prepareRestore: (restore) =>
      withPulse(async (pulse) => prepareRestore({ ...(await bothEnds(restore)), plugins: await dependencies.plugins(), restore }, pulse)),
    applyBatch: (input) => withPulse(async (pulse) => applyBatch(await sessionOf(input), input, pulse)),
    awaitReady: (input) => withPulse(async (pulse) => awaitReady(await sessionOf(input), input, pulse)),
    relinkOwners: (input) => withPulse(async (pulse) => relinkOwners(await sessionOf(input), input, pulse)),
    verifyRestored: (input) => withPulse(async (pulse) => verifyRestored(await sessionOf(input), input, pulse)),
    recordRestore: (input) => withPulse(async () => recordRestore(await dependencies.repository(input.restore.location), input)),
  };
}
