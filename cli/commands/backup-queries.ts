import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { LogLine } from '../../contracts/outcome.ts';
import { backupWorkflowId } from '../../contracts/workflow-ids.ts';
import type { BackupEntry } from '../../repository/chain-entries.ts';
import { ExitCode, exitCodeOfPhase } from '../exit-codes.ts';
import { withClusterOptions, withLocation, withOutput, type ClusterOptions, type LocationOptions, type OutputOptions } from '../options.ts';
import { backupDetails } from '../output/backup-text.ts';
import { phase } from '../output/colours.ts';
import { diffText } from '../output/diff-text.ts';
import { printAnswer } from '../output/print.ts';
import { age, bytes, count } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { describeRun } from '../runs/describe-run.ts';
import { hasRuns, pickUpOpenRuns, withOrchestrator, withRun } from '../runs/orchestration.ts';
import { listRuns, logOf, type RunView } from '../runs/run-views.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';

type GetOptions = LocationOptions & OutputOptions;
type DescribeOptions = GetOptions & { readonly wait: boolean };
type DiffOptions = GetOptions & ClusterOptions & { readonly live: boolean };

/** The commands about backups that are there or under way. */
export function addBackupQueries(backup: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(backup.command('get [names...]')))
    .description('list recovery points, newest first')
    .action(async (names: string[], options: GetOptions) => {
      await get(names, options);
    });
  withOutput(withLocation(backup.command('describe <name>')))
    .description('show one recovery point, or how far a running backup is')
    .option('-w, --wait', 'follow a running backup until it has ended', false)
    .action(async (name: string, options: DescribeOptions) => {
      done(await describe(name, options));
    });
  withLocation(backup.command('logs <name>'))
    .description("print a backup's log, also while it runs")
    .action(async (name: string, options: LocationOptions) => {
      await logs(name, options);
    });
  withOutput(withLocation(withClusterOptions(backup.command('diff <before> [after]'))))
    .description('show what changed between two backups, or with --live since a backup')
    .option('--live', 'compare with the cluster as it is now', false)
    .action(async (before: string, after: string | undefined, options: DiffOptions) => {
      await diff(before, after, options);
    });
}

async function get(names: readonly string[], options: GetOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const repository = await session.repository(location);
    const entries = [...(await repository.backups())]
      .reverse()
      .filter(({ manifest }) => names.length === 0 || names.includes(manifest.name));
    for (const name of names) if (!entries.some(({ manifest }) => manifest.name === name)) throw repositoryLacks(name, location);
    const running = names.length === 0 ? await runningBackups(session, location) : [];
    const now = Date.now();
    printAnswer(options.output, {
      data: { location, running, backups: entries.map((entry) => summary(entry)) },
      names: entries.map(({ manifest }) => `backup/${manifest.name}`),
      table: (wide) => {
        const more = wide ? ['SEQUENCE', 'CLUSTER', 'REVISION', 'STORED', 'SCHEDULE', 'HELD FOR'] : [];
        const rows = entries.map(({ sequence, manifest, held, holdReason }) => [
          manifest.name,
          phase(manifest.phase),
          manifest.etcd === undefined ? count(manifest.objectCount) : `${count(manifest.objectCount)} + etcd`,
          String(manifest.errors.length),
          String(manifest.warnings.length),
          age(manifest.startedAt, now),
          held ? 'held' : manifest.expiresAt === undefined ? '' : until(manifest.expiresAt, now),
          location,
          ...(wide ? [String(sequence), manifest.cluster.name, manifest.revision, bytes(manifest.sizes.stored)] : []),
          ...(wide ? [manifest.schedule ?? '', holdReason] : []),
        ]);
        const going = running.map((run) => [run.name, phase('Running'), '', '', '', age(run.startedAt, now), '', location]);
        return table(['NAME', 'STATUS', 'OBJECTS', 'ERRORS', 'WARNINGS', 'AGE', 'EXPIRES', 'LOCATION', ...more], [...going, ...rows]);
      },
    });
  });
  await pickUpOpenRuns();
}

function summary({ sequence, manifest, held, holdReason }: BackupEntry): unknown {
  const { name, phase: status, cluster, revision, startedAt, completedAt, namespaces, objectCount, sizes, warnings, errors } = manifest;
  const { schedule, labels, expiresAt, volumes, applications, etcd } = manifest;
  return {
    ...{ name, sequence, phase: status, cluster, revision, startedAt, completedAt, namespaces, objectCount, sizes, warnings, errors },
    ...{ schedule, labels, expiresAt, volumes, applications, etcd, held, holdReason },
  };
}

/** How long a backup has to live: `12d`, or `expired`. */
function until(time: string, now: number): string {
  return Date.parse(time) <= now ? 'expired' : age(new Date(now).toISOString(), Date.parse(time));
}

async function runningBackups(session: Session, location: string): Promise<readonly RunView[]> {
  if (!(await hasRuns())) return [];
  const runs = await withOrchestrator(session.configuration, undefined, (orchestrator) => listRuns(orchestrator, 'backup', false));
  return runs.filter((run) => run.location === location);
}

async function describe(name: string, options: DescribeOptions): Promise<ExitCode> {
  const code = await withSession(async (session) => {
    const location = session.locationName(options.location);
    const stored = await storedBackup(session, location, name);
    if (stored) return showStored(stored, options);
    const ended = (): ExitCode => ExitCode.Done;
    const told = await withRun(session.configuration, backupWorkflowId(location, name), async (run) => ({
      code: await describeRun(run, { noun: 'backup', name, wait: options.wait, ended }),
      // Committed while it was followed: now it can be shown whole.
      committed: await storedBackup(session, location, name),
    }));
    if (!told) throw repositoryLacks(name, location);
    return told.committed && options.wait ? showStored(told.committed, options) : told.code;
  });
  await pickUpOpenRuns();
  return code;
}

async function storedBackup(session: Session, location: string, name: string): Promise<BackupEntry | undefined> {
  const repository = await session.repository(location);
  return (await repository.backups()).find(({ manifest }) => manifest.name === name);
}

function showStored(stored: BackupEntry, options: OutputOptions): ExitCode {
  const { sequence, manifest, held, holdReason } = stored;
  printAnswer(options.output, {
    data: { sequence, held, holdReason, ...manifest },
    names: [`backup/${manifest.name}`],
    table: (wide) => backupDetails(sequence, manifest, wide),
  });
  return exitCodeOfPhase(manifest.phase);
}

async function logs(name: string, options: LocationOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const stored = await storedBackup(session, location, name);
    const log =
      stored?.manifest.log ?? (await withRun(session.configuration, backupWorkflowId(location, name), ({ handle }) => logOf(handle)));
    if (!log) throw repositoryLacks(name, location);
    printLog(log);
  });
  await pickUpOpenRuns();
}

export function printLog(log: readonly LogLine[]): void {
  for (const { time, level, message } of log) process.stdout.write(`${time} ${level.padEnd(5)} ${message}\n`);
}

async function diff(before: string, after: string | undefined, options: DiffOptions): Promise<void> {
  if (options.live === (after !== undefined)) {
    throw new HoldfastError(FailureType.BadInput, 'backup diff compares two backups, or one with --live', {
      advice: 'write `backup diff A B` or `backup diff A --live`',
    });
  }
  const cluster = options.live ? await namedCluster(options) : undefined;
  await withSession(async (session) => {
    if (cluster) await reachableCluster(session, cluster);
    const location = session.locationName(options.location);
    const result = await session.services.diff({ location, before, after: cluster ? { cluster: cluster.name } : { backup: after ?? '' } });
    printAnswer(options.output, {
      data: result,
      names: [...result.added, ...result.removed, ...result.changed.map(({ object }) => object)].map(({ kind, namespace, name }) =>
        [namespace, kind, name].filter(Boolean).join('/'),
      ),
      table: () => diffText(result),
    });
  }, cluster);
}

/** For names that are neither stored nor running. */
export function repositoryLacks(name: string, location: string): HoldfastError {
  return new HoldfastError(FailureType.NotFound, `backup "${name}" is not in location ${location}`, {
    advice: 'see `holdfast backup get`',
  });
}
