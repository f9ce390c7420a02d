import { Context } from '@temporalio/activity';
import type { GitActivities } from '../contracts/git.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { capturedState, liveState } from './git/git-source.ts';
import { importCommit } from './git/import-commit.ts';
import { syncToGit } from './git/sync-to-git.ts';
import { withPulse } from './heartbeat.ts';

/** What is between clusters, locations and Git. */
export function gitActivities(dependencies: ActivityDependencies): GitActivities {
  return {
    syncToGit: (input) =>
      withPulse(async (pulse) => {
        const { source } = input;
        const state =
          'live' in source
            ? async () => liveState(await dependencies.cluster(input.cluster), input, pulse.signal)
            : async () => capturedState(await dependencies.repository(source.backup.location), source.backup.sequence, input);
        const { cluster, takeOver = false } = input;
        const remote = await dependencies.gitRemote(input.remote);
        return syncToGit({ remote, cluster, takeOver, state, charts: () => dependencies.charts(), pulse });
      }),
    importCommit: (input) =>
      withPulse(async (pulse) => {
        return importCommit({
          remote: await dependencies.gitRemote(input.remote),
          repository: await dependencies.repository(input.location),
          input,
          runId: Context.current().info.workflowExecution?.runId ?? '',
          pulse,
        });
      }),
  };
}
