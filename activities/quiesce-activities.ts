import type { QuiesceActivities, QuiesceInput } from '../contracts/quiesce.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse, type Pulse } from './heartbeat.ts';
import { holdApplication, quiesceApplication, releaseApplication, type QuiesceWork } from './quiesce/quiesce-application.ts';

export function quiesceActivities(dependencies: ActivityDependencies): QuiesceActivities {
  const workOf = async <Input extends QuiesceInput>(input: Input, pulse: Pulse): Promise<QuiesceWork<Input>> => ({
    plugin: (await dependencies.plugins()).named(input.task.plugin),
    cluster: await dependencies.cluster(input.backup.cluster),
    repository: await dependencies.repository(input.backup.location),
    input,
    pulse,
  });
  return {
    quiesceApplication: (input) => withPulse(async (pulse) => quiesceApplication(await workOf(input, pulse))),
    holdApplication: (input) => withPulse(async (pulse) => holdApplication(await workOf(input, pulse))),
    releaseApplication: (input) => withPulse(async (pulse) => releaseApplication(await workOf(input, pulse))),
  };
}
