import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { withClusterOptions, withOutput, type ClusterOptions, type OutputOptions } from '../options.ts';
import { gitHistoryText } from '../output/git-text.ts';
import { printAnswer } from '../output/print.ts';
import { namedCluster, withSession } from '../session.ts';

interface LogOptions extends ClusterOptions, OutputOptions {
  readonly namespace: string;
}

export function addGitLog(git: Command): void {
  withOutput(withClusterOptions(git.command('log <remote> <kind/name>')))
    .description('the history of one object in words: when, in which commit, which fields from what to what')
    .option('-n, --namespace <name>', 'where the object is; none for objects of the cluster itself', '')
    .action(async (remote: string, object: string, options: LogOptions) => {
      await log(remote, object, options);
    });
}

async function log(remote: string, object: string, options: LogOptions): Promise<void> {
  const [kind = '', name = '', ...rest] = object.split('/');
  if (kind === '' || name === '' || rest.length > 0) {
    throw new HoldfastError(FailureType.BadInput, `"${object}" is not understood: write kind/name, such as deployment/web`);
  }
  const cluster = await namedCluster(options);
  await withSession(async ({ services }) => {
    const history = await services.gitHistory(remote, { cluster: cluster.name, kind, name, namespace: options.namespace });
    printAnswer(options.output, {
      data: history,
      names: history.commits.map(({ commit }) => commit),
      table: () => gitHistoryText(history),
    });
  }, cluster);
}
