import { createHash } from 'node:crypto';
import { isAbsolute, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ReleaseRestoreOptions, RestoreReleasesInput, RestoreReleasesResult } from '../../contracts/helm-restore.ts';
import { restoreReleasesWorkflowId } from '../../contracts/workflow-ids.ts';
import { isClientOnly, type Orchestrator } from '../../workers/embedded.ts';
import { ExitCode } from '../exit-codes.ts';
import {
  durationOption,
  withClusterOptions,
  withLocation,
  withOutput,
  withWaiting,
  type ClusterOptions,
  type LocationOptions,
  type OutputOptions,
  type WaitOptions,
} from '../options.ts';
import { plannedText, restoredText } from '../output/helm-text.ts';
import { printAnswer } from '../output/print.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, reachableCluster, withSession, type NamedCluster, type Session } from '../session.ts';

interface RestoreOptions extends ClusterOptions, LocationOptions, OutputOptions, WaitOptions {
  readonly fromBackup: string;
  readonly plan: boolean;
  readonly namespace: string;
  readonly as?: string;
  readonly toNamespace?: string;
  readonly chart?: string;
  readonly adopt: boolean;
  readonly helmWait: boolean;
  readonly helmTimeout: number;
}

export function addHelmRestore(helm: Command, done: (code: ExitCode) => void): void {
  withWaiting(withOutput(withLocation(withClusterOptions(helm.command('restore <release...>')))))
    .description('install releases of a backup again with Helm, hooks and all, or let Helm go on with objects that were restored (--adopt)')
    .requiredOption('--from-backup <name>', 'the backup')
    .option('--plan', 'only show what it would do, without writing anything', false)
    .option('-n, --namespace <name>', 'where the releases are in the backup (default: wherever there is just one of the name)', '')
    .option('--to-namespace <name>', 'where they come to (default: where they were)')
    .addOption(new Option('--as <name>', 'another name for the release').conflicts('adopt'))
    .addOption(
      new Option(
        '--chart <chart>',
        "install this chart, a path on the worker's machine or an oci:// reference, in place of the kept one",
      ).conflicts('adopt'),
    )
    .option('--adopt', "install nothing: the objects are back, mark them as Helm's and bring the release records back", false)
    .option('--no-helm-wait', 'Helm does not wait until what it has installed is ready')
    .option('--helm-timeout <time>', 'how long Helm waits for that, and for each hook', durationOption, 300_000)
    .action(async (names: string[], options: RestoreOptions) => {
      done(await restore([...new Set(names)], options));
    });
}

async function restore(names: readonly string[], options: RestoreOptions): Promise<ExitCode> {
  if (options.as !== undefined && names.length !== 1) {
    throw new HoldfastError(FailureType.BadInput, '--as names one release, and there are several', { advice: 'restore them one by one' });
  }
  const releaseOptions = releaseOptionsOf(options);
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const input: RestoreReleasesInput = {
      cluster: cluster.name,
      location: session.locationName(options.location),
      backup: options.fromBackup,
      releases: names,
      namespace: options.namespace,
      options: releaseOptions,
    };
    if (options.plan || !isClientOnly()) await reachableCluster(session, cluster);
    if (options.plan) return plan(session, input, options);
    return withOrchestrator(session.configuration, cluster, (orchestrator) => run(orchestrator, { input, cluster, options }));
  }, cluster);
}

function releaseOptionsOf({ as, toNamespace, chart, adopt, helmWait, helmTimeout }: RestoreOptions): ReleaseRestoreOptions {
  return {
    adopt,
    ...(as === undefined ? {} : { as }),
    ...(toNamespace === undefined ? {} : { toNamespace }),
    ...(chart === undefined ? {} : { chart: chartForWorker(chart) }),
    waitUntilReady: helmWait,
    timeoutMs: helmTimeout,
  };
}

/** The worker reads it, from another folder than ours and perhaps on another machine. */
function chartForWorker(chart: string): string {
  if (chart.startsWith('oci://') || isAbsolute(chart)) return chart;
  if (!isClientOnly()) return resolve(chart);
  throw new HoldfastError(FailureType.BadInput, `--chart ${chart} is relative to this machine, and a worker elsewhere reads it`, {
    advice: "give an absolute path on the worker's machine, or an oci:// reference",
  });
}

async function plan(session: Session, input: RestoreReleasesInput, { output }: RestoreOptions): Promise<ExitCode> {
  const releases = await session.services.releases.plan(input, AbortSignal.any([]));
  const { location, backup, cluster } = input;
  printAnswer(output, {
    data: { location, backup, cluster, releases },
    names: releases.map(({ action, to }) => `${action} ${to.namespace}/${to.name}`),
    table: () => plannedText(releases),
  });
  return ExitCode.Done;
}

interface Run {
  readonly input: RestoreReleasesInput;
  readonly cluster: NamedCluster;
  readonly options: RestoreOptions;
}

/** The same request is the same run: one that an earlier command has left, or another one follows, is joined. */
function run(orchestrator: Orchestrator, { input, cluster, options }: Run): Promise<ExitCode> {
  const { location, backup, releases } = input;
  const request = createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 16);
  return undertake<RestoreReleasesResult>(orchestrator, {
    request: {
      workflow: 'restoreReleases',
      workflowId: restoreReleasesWorkflowId(cluster.name, request),
      kind: 'helm',
      name: releases.join(',').slice(0, MAX_NAME),
      location,
      cluster,
      input,
    },
    title: `restore of Helm releases ${releases.join(', ')} of backup "${backup}"`,
    joins: true,
    wait: options.wait,
    timeoutMs: options.timeout,
    output: options.output,
    resultNames: (result) => result.releases.map(({ namespace, name }) => `${namespace}/${name}`),
    text: restoredText,
  });
}

/** Of a run in Temporal's lists. */
const MAX_NAME = 200;
