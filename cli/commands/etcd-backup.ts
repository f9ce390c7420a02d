import type { Command } from 'commander';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { BackupEtcdInput } from '../../contracts/etcd-backup.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { backupWorkflowId } from '../../contracts/workflow-ids.ts';
import { defaultName, nameProblem } from '../../domain/plan/names.ts';
import { wholeSeconds } from '../../domain/time/duration.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import { etcdAccessOf, withEtcd, type EtcdOptions } from '../etcd/etcd-options.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  labelPairs,
  withClusterOptions,
  withWaiting,
  withLocation,
  withOutput,
  type ClusterOptions,
  type WaitOptions,
  type LocationOptions,
  type OutputOptions,
} from '../options.ts';
import { etcdBackupText } from '../output/etcd-text.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, withSession, type NamedCluster } from '../session.ts';
import { refuseKnownName } from './backup.ts';

interface BackupOptions extends ClusterOptions, LocationOptions, OutputOptions, EtcdOptions, WaitOptions {
  readonly cluster?: string;
  readonly controlPlaneFiles: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly ttl?: string;
}

export function addEtcdBackup(etcd: Command, done: (code: ExitCode) => void): void {
  withWaiting(withEtcd(withOutput(withLocation(withClusterOptions(etcd.command('backup [name]'))))))
    .description("make a recovery point of a cluster's etcd alone")
    .option('--cluster <name>', 'name of the cluster, where no kubeconfig has a context for it')
    .option('--control-plane-files', 'also the PKI and manifests folders of a control-plane node (kubeadm)', false)
    .option('--labels <key=value>', 'labels to select it by later (comma-separated, repeatable)', labelPairs, {})
    .option('--ttl <time>', 'how long it lives at least, e.g. 720h; then `backup prune` may remove it')
    .action(async (name: string | undefined, options: BackupOptions) => {
      done(await backUp(name, options));
    });
}

async function backUp(given: string | undefined, options: BackupOptions): Promise<ExitCode> {
  const name = given ?? defaultName('etcd', new Date().toISOString());
  const problem = nameProblem('backup', name);
  if (problem !== '') throw new HoldfastError(FailureType.BadInput, problem);
  const cluster = await clusterOf(options);
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    const input = inputOf(options, { name, cluster: cluster.name, location });
    await refuseKnownName(session, location, name);
    // Better said in one line now than waited for by the run.
    if (!isClientOnly()) await session.services.checkEtcd(cluster.name, input.access);
    return withOrchestrator(session.configuration, cluster, (orchestrator) =>
      undertake<BackupProjectResult>(orchestrator, {
        request: { workflow: 'backupEtcd', workflowId: backupWorkflowId(location, name), kind: 'backup', name, location, cluster, input },
        title: `backup "${name}" of etcd`,
        wait: options.wait,
        timeoutMs: options.timeout,
        output: options.output,
        resultNames: () => [`backup/${name}`],
        text: etcdBackupText,
      }),
    );
  }, cluster);
}

/** A machine that reaches etcd need not reach its API server: then the name is all that is known of the cluster. */
async function clusterOf(options: BackupOptions): Promise<NamedCluster> {
  const { cluster, kubeconfig = '' } = options;
  if (cluster !== undefined) return { name: cluster, access: { kubeconfig, context: cluster } };
  try {
    return await namedCluster(options);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError(error.type, error.message, {
      advice: 'name the cluster with --context, or with --cluster where there is no kubeconfig',
      cause: error,
    });
  }
}

function inputOf(options: BackupOptions, place: Pick<BackupEtcdInput, 'name' | 'cluster' | 'location'>): BackupEtcdInput {
  const access = etcdAccessOf(options);
  return {
    ...place,
    ...(access === undefined ? {} : { access }),
    ...(options.controlPlaneFiles ? { controlPlaneFiles: true } : {}),
    ...(Object.keys(options.labels).length === 0 ? {} : { labels: options.labels }),
    ...(options.ttl === undefined ? {} : { ttlSeconds: wholeSeconds(options.ttl, '--ttl') }),
  };
}
