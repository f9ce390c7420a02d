import type { HookActivities } from '../contracts/activities.ts';
import { openSession } from './apply/restore-session.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { createHookedPods } from './hooks/create-hooked-pods.ts';
import { runHooks } from './hooks/run-hooks.ts';

export function hookActivities(dependencies: ActivityDependencies): HookActivities {
  return {
    createHookedPods: ({ restore, sequence, serverTime, lostParts = [] }) =>
      withPulse(async (pulse) => {
        const cluster = await dependencies.cluster(restore.cluster);
        const repository = await dependencies.repository(restore.location);
        const { manifest } = await repository.readBackup(sequence);
        await createHookedPods(await openSession({ cluster, repository, restore, manifest, lostParts }), serverTime, pulse);
      }),
    runHooks: (input) => withPulse(async (pulse) => runHooks(await dependencies.cluster(input.restore.cluster), input, pulse)),
  };
}
