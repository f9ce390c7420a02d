import type { Command } from 'commander';
import type { ClusterStateRequest } from '../contracts/cluster-state.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { isClientOnly } from '../workers/embedded.ts';
import type { Configuration } from '../workers/configuration.ts';
import { commaList } from './options.ts';

/** What a backup takes of a cluster beside its objects and volumes: docs/cluster-state.md. */
export interface ClusterStateOptions {
  readonly includeEtcd: boolean;
  readonly controlPlaneFiles: boolean;
  readonly helm: boolean;
  readonly pushCharts: readonly string[];
  readonly git: readonly string[];
}

export function withClusterState(command: Command): Command {
  return command
    .option('--include-etcd', "also a snapshot of the cluster's etcd, reached as the configuration says (docs/etcd.md)", false)
    .option('--control-plane-files', 'with --include-etcd, also the PKI and manifests folders of a control-plane node', false)
    .option('--helm', 'also the chart of every Helm release, rebuilt from its record (docs/helm.md)', false)
    .option('--push-charts <repositories>', 'with --helm, push the charts there (comma-separated, repeatable)', commaList, [])
    .option('--git <remotes>', 'commit what was captured to these Git remotes (comma-separated, repeatable; docs/git.md)', commaList, []);
}

/** `BadInput` for what does not fit together; `NotFound` for names that are not in the configuration, where it is the worker's own. */
export function clusterStateOf(options: ClusterStateOptions, configuration: Configuration): ClusterStateRequest {
  const { includeEtcd, controlPlaneFiles, helm, pushCharts, git } = options;
  if (controlPlaneFiles && !includeEtcd) throw alone('--control-plane-files', '--include-etcd');
  if (pushCharts.length > 0 && !helm) throw alone('--push-charts', '--helm');
  if (!isClientOnly()) {
    refuseUnknown('chart repository', pushCharts, configuration.chartRepositories);
    refuseUnknown('Git remote', git, configuration.gitRemotes);
  }
  return {
    ...(includeEtcd ? { etcd: controlPlaneFiles ? { controlPlaneFiles } : {} } : {}),
    ...(helm ? { helm: { pushTo: pushCharts } } : {}),
    ...(git.length === 0 ? {} : { git }),
  };
}

function alone(option: string, needed: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${option} goes with ${needed}`, { advice: `add ${needed}, or leave it out` });
}

function refuseUnknown(what: string, asked: readonly string[], known: readonly { readonly name: string }[] = []): void {
  const names = known.map(({ name }) => name);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new HoldfastError(FailureType.NotFound, `${what} "${unknown}" is not configured`, {
    advice: names.length === 0 ? 'see docs/cluster-state.md' : `known: ${names.join(', ')}`,
  });
}
