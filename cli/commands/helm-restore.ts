import { Option, type Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { yamlText } from '../../domain/helm/yaml-text.ts';
import type { RestorableRelease } from '../../workers/dependencies.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import {
  durationOption,
  withClusterOptions,
  withLocation,
  withOutput,
  type ClusterOptions,
  type LocationOptions,
  type OutputOptions,
} from '../options.ts';
import { restoredText, type RestoredRelease } from '../output/helm-text.ts';
import { note, printAnswer } from '../output/print.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';

type RestoreOptions = ClusterOptions &
  LocationOptions &
  OutputOptions & {
    readonly fromBackup: string;
    readonly namespace: string;
    readonly as?: string;
    readonly toNamespace?: string;
    readonly chart?: string;
    readonly adopt: boolean;
    readonly wait: boolean;
    readonly timeout: number;
  };

export function addHelmRestore(helm: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(withClusterOptions(helm.command('restore <release...>'))))
    .description('install releases of a backup again with Helm, hooks and all, or let Helm go on with objects that were restored (--adopt)')
    .requiredOption('--from-backup <name>', 'the backup')
    .option('-n, --namespace <name>', 'where the releases are in the backup (default: wherever there is just one of the name)', '')
    .option('--to-namespace <name>', 'where they come to (default: where they were)')
    .addOption(new Option('--as <name>', 'another name for the release').conflicts('adopt'))
    .addOption(new Option('--chart <chart>', 'install this chart, a file or oci:// reference, in place of the kept one').conflicts('adopt'))
    .option('--adopt', "install nothing: the objects are back, mark them as Helm's and bring the release records back", false)
    .option('--no-wait', 'do not wait until what is installed is ready')
    .option('--timeout <time>', 'how long Helm may wait, for each hook, too', durationOption, 300_000)
    .action(async (names: string[], options: RestoreOptions) => {
      done(await interruptible('what Helm has begun stays: see `helm status`', (signal) => restore(names, options, signal)));
    });
}

interface Work {
  readonly session: Session;
  readonly cluster: string;
  readonly options: RestoreOptions;
  readonly signal: AbortSignal;
}

async function restore(names: readonly string[], options: RestoreOptions, signal: AbortSignal): Promise<void> {
  if (options.as !== undefined && names.length !== 1) {
    throw new HoldfastError(FailureType.BadInput, '--as names one release, and there are several', { advice: 'restore them one by one' });
  }
  const cluster = await namedCluster(options);
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    await reachableCluster(session, cluster);
    const wanted = { names: [...new Set(names)], namespace: options.namespace };
    const found = await session.services.helm.restorable({ location, backup: options.fromBackup }, wanted, signal);
    for (const restorable of found) assertMovable(restorable, options);
    const work: Work = { session, cluster: cluster.name, options, signal };
    const releases: RestoredRelease[] = [];
    for (const restorable of found) releases.push(await (options.adopt ? adopt : install)(work, restorable));
    printAnswer(options.output, {
      data: { location, backup: options.fromBackup, releases },
      names: releases.map(({ namespace, name }) => `${namespace}/${name}`),
      table: () => restoredText(releases),
    });
  }, cluster);
}

/** Templates that were rendered have the old name and namespace in them. */
function assertMovable({ release, archiveKind }: RestorableRelease, { as, toNamespace, chart, adopt: adopts }: RestoreOptions): void {
  const moves = (as ?? release.name) !== release.name || (toNamespace ?? release.namespace) !== release.namespace;
  if (adopts || archiveKind === 'source' || !moves || chart !== undefined) return;
  throw new HoldfastError(
    FailureType.BadInput,
    `release ${release.namespace}/${release.name} can only be installed where it was: its chart needs charts that Helm does not record`,
    { advice: 'give the chart with --chart, or leave out --as and --to-namespace' },
  );
}

async function install(
  { session, cluster, options, signal }: Work,
  { release, archive, archiveKind, kind }: RestorableRelease,
): Promise<RestoredRelease> {
  const { as: name = release.name, toNamespace: namespace = release.namespace, chart = archive, wait, timeout } = options;
  const { metadata } = release.chart;
  if (archiveKind === 'rendered' && typeof chart !== 'string') {
    note(
      `warning: release ${namespace}/${name} is installed as it was rendered, since Helm does not record the charts that ${metadata.name} ` +
        `is made of: \`helm upgrade\` it with the chart ${metadata.name} ${metadata.version} for values to count again`,
    );
  }
  const request = { release: name, namespace, chart, values: yamlText(release.config), records: kind, timeoutMs: timeout, wait };
  const { revision, status } = await session.services.helm.install(cluster, request, signal);
  const action = revision === 1 ? ('installed' as const) : ('upgraded' as const);
  return { namespace, name, action, revision, status, chart: `${metadata.name}-${metadata.version}` };
}

async function adopt({ session, cluster, options, signal }: Work, restorable: RestorableRelease): Promise<RestoredRelease> {
  const { release } = restorable;
  const { toNamespace: namespace = release.namespace } = options;
  const { name, revision, status, chart } = release;
  const adopted = await session.services.helm.adopt(cluster, { restorable, namespace }, signal);
  const { metadata } = chart;
  return { namespace, name, action: 'adopted', revision, status, chart: `${metadata.name}-${metadata.version}`, ...adopted };
}
