import type { Command } from 'commander';
import type { GitSource, SyncGitInput, SyncGitResult } from '../../contracts/git.ts';
import { gitSyncWorkflowId } from '../../contracts/workflow-ids.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  withClusterOptions,
  withWaiting,
  withLocation,
  withOutput,
  withSelection,
  type ClusterOptions,
  type WaitOptions,
  type LocationOptions,
  type OutputOptions,
  type SelectionOptions,
} from '../options.ts';
import { gitSyncText } from '../output/git-text.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';
import { checkedSelection } from './backup.ts';
import { addGitLog } from './git-log.ts';
import { addGitRestore } from './git-restore.ts';

interface SyncOptions extends ClusterOptions, LocationOptions, OutputOptions, SelectionOptions, WaitOptions {
  readonly fromBackup?: string;
  readonly takeOver: boolean;
}

export function gitCommand(program: Command, done: (code: ExitCode) => void): void {
  const git = program.command('git').description('the state of a cluster as manifests in a Git repository: docs/git.md');

  withWaiting(withOutput(withSelection(withLocation(withClusterOptions(git.command('sync <remote>'))))))
    .description('bring the branch of the cluster to what is live now, as one commit')
    .option('--from-backup <name>', 'to what this backup has captured instead')
    .option('--take-over', 'also change what the sync of another cluster has written: this one was renamed, or takes its place', false)
    .action(async (remote: string, options: SyncOptions) => {
      done(await sync(remote, options));
    });

  addGitLog(git);
  addGitRestore(git, done);
}

async function sync(remote: string, options: SyncOptions): Promise<ExitCode> {
  const selection = checkedSelection(options);
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const source = await sourceOf(session, options);
    if (!isClientOnly()) {
      await session.services.gitRemote(remote);
      if ('live' in source) await reachableCluster(session, cluster);
    }
    const input: SyncGitInput = { cluster: cluster.name, remote, selection, source, ...(options.takeOver ? { takeOver: true } : {}) };
    return withOrchestrator(session.configuration, cluster, (orchestrator) =>
      undertake<SyncGitResult>(orchestrator, {
        request: {
          workflow: 'syncGit',
          workflowId: gitSyncWorkflowId(cluster.name, remote),
          kind: 'git',
          name: remote,
          location: 'backup' in source ? source.backup.location : '',
          cluster,
          input,
        },
        title: `sync of "${cluster.name}" to Git remote "${remote}"`,
        wait: options.wait,
        timeoutMs: options.timeout,
        output: options.output,
        resultNames: () => [`git/${remote}`],
        text: gitSyncText,
      }),
    );
  }, cluster);
}

async function sourceOf(session: Session, { fromBackup, location: given }: SyncOptions): Promise<GitSource> {
  if (fromBackup === undefined) return { live: true };
  const location = session.locationName(given);
  const { sequence } = await (await session.repository(location)).findBackup(fromBackup);
  return { backup: { location, sequence } };
}
