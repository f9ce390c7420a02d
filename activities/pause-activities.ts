import type { PauseActivities } from '../contracts/activities.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { pauseWorkload, resumeWorkload } from './volume/pause-workload.ts';
import { planPause } from './volume/plan-pause.ts';

const PLUGIN = 'scale-down';

export function pauseActivities(dependencies: ActivityDependencies): PauseActivities {
  const meansOf = async ({ cluster }: RestoreProjectInput) => ({
    cluster: await dependencies.cluster(cluster),
    plugin: (await dependencies.plugins()).named(PLUGIN),
  });
  return {
    planPause: (input) => withPulse(async ({ signal }) => planPause({ ...(await meansOf(input.restore)), input, signal })),
    pauseWorkload: (input) => withPulse(async (pulse) => pauseWorkload({ ...(await meansOf(input.restore)), input, pulse })),
    resumeWorkload: (input) => withPulse(async (pulse) => resumeWorkload({ ...(await meansOf(input.restore)), input, pulse })),
  };
}
