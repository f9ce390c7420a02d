import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { BackupProjectInput, BackupProjectResult } from '../../contracts/backup.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { backupWorkflowId } from '../../contracts/workflow-ids.ts';
import { defaultName, nameProblem } from '../../domain/plan/names.ts';
import { wholeSeconds } from '../../domain/time/duration.ts';
import { validateSelection } from '../../domain/selection/validate-selection.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  labelPairs,
  selectionOf,
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
import { clusterStateOf, withClusterState, type ClusterStateOptions } from '../cluster-state-options.ts';
import { backupResultText } from '../output/backup-text.ts';
import { readBackupHooks } from '../hooks/hook-file.ts';
import { note, printAnswer } from '../output/print.ts';
import { bytes, count } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';
import { volumeRequestOf, withVolumeCapture, type VolumeCaptureOptions } from '../volumes/volume-options.ts';
import { addBackupCopy } from './backup-copy.ts';
import { addBackupDelete } from './backup-delete.ts';
import { addBackupHolds } from './backup-hold.ts';
import { addBackupPrune } from './backup-prune.ts';
import { addBackupQueries } from './backup-queries.ts';
import { addBackupVerify } from './backup-verify.ts';

type PlanOptions = ClusterOptions & LocationOptions & OutputOptions & SelectionOptions;
interface CreateOptions extends PlanOptions, VolumeCaptureOptions, ClusterStateOptions, WaitOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly ttl?: string;
}

export function backupCommand(program: Command, done: (code: ExitCode) => void): void {
  const backup = program.command('backup').description('recovery points: plan, create, look at, compare, delete');

  withOutput(withSelection(withLocation(withClusterOptions(backup.command('plan')))))
    .description('show what a backup would take, without writing anything')
    .action(async (options: PlanOptions) => {
      await plan(options);
    });

  withWaiting(
    withClusterState(withVolumeCapture(withOutput(withSelection(withLocation(withClusterOptions(backup.command('create [name]'))))))),
  )
    .description('make a recovery point')
    .option('--labels <key=value>', 'labels to select it by later (comma-separated, repeatable)', labelPairs, {})
    .option('--ttl <time>', 'how long it lives at least, e.g. 720h; then `backup prune` may remove it')
    .action(async (name: string | undefined, options: CreateOptions) => {
      done(await create(name, options));
    });

  addBackupQueries(backup, done);
  addBackupVerify(backup, done);
  addBackupCopy(backup, done);
  addBackupHolds(backup);
  addBackupPrune(backup);
  addBackupDelete(backup);
}

async function plan(options: PlanOptions): Promise<void> {
  const cluster = await namedCluster(options);
  await withSession(async (session) => {
    await reachableCluster(session, cluster);
    const input: BackupProjectInput = {
      name: 'plan',
      cluster: cluster.name,
      location: options.location,
      selection: checkedSelection(options),
    };
    const preview = await session.services.previewBackup(input);
    for (const issue of [...preview.plan.warnings, ...preview.plan.errors]) note(`warning: ${issue.message}`);
    for (const { type, error } of preview.failed) note(`warning: ${resourceKey(type)}: ${error.message}`);
    const total = preview.kinds.reduce((sum, kind) => sum + kind.count, 0);
    printAnswer(options.output, {
      data: {
        cluster: preview.plan.cluster,
        revision: preview.plan.revision,
        namespaces: preview.plan.namespaces,
        kinds: preview.kinds,
        objectCount: total,
        warnings: preview.plan.warnings,
        errors: preview.plan.errors,
      },
      names: preview.kinds.map(({ type }) => resourceKey(type)),
      table: () => {
        const rows = preview.kinds.map((kind) => [
          resourceKey(kind.type),
          kind.type.namespaced ? 'namespaced' : 'cluster',
          count(kind.count),
          bytes(kind.bytes),
        ]);
        const summary = `${count(total)} objects of ${preview.kinds.length} kinds in ${preview.plan.namespaces.length} namespaces at revision ${preview.plan.revision}`;
        return `${table(['KIND', 'SCOPE', 'OBJECTS', 'SIZE'], rows)}\n\n${summary}; nothing was written`;
      },
    });
  }, cluster);
}

async function create(given: string | undefined, options: CreateOptions): Promise<ExitCode> {
  const name = checkedName('backup', given ?? defaultName('backup', new Date().toISOString()));
  const selection = checkedSelection(options);
  const volumes = await volumeRequestOf(options);
  const hooks = options.hooks === undefined ? undefined : await readBackupHooks(options.hooks);
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    const input: BackupProjectInput = {
      name,
      cluster: cluster.name,
      location,
      selection,
      ...(Object.keys(options.labels).length === 0 ? {} : { labels: options.labels }),
      ...(options.ttl === undefined ? {} : { ttlSeconds: wholeSeconds(options.ttl, '--ttl') }),
      ...(volumes === undefined ? {} : { volumes }),
      ...(hooks === undefined ? {} : { hooks }),
      ...clusterStateOf(options, session.configuration),
    };
    if (options.output === 'yaml' || options.output === 'json') {
      process.stdout.write(options.output === 'yaml' ? stringify(input) : `${JSON.stringify(input, null, 2)}\n`);
      return 0;
    }
    await refuseKnownName(session, location, name);
    if (!isClientOnly()) await reachableCluster(session, cluster);
    return withOrchestrator(session.configuration, cluster, (orchestrator) =>
      undertake<BackupProjectResult>(orchestrator, {
        request: {
          workflow: 'backupProject',
          workflowId: backupWorkflowId(location, name),
          kind: 'backup',
          name,
          location,
          cluster,
          input,
        },
        title: `backup "${name}"`,
        wait: options.wait,
        timeoutMs: options.timeout,
        output: options.output,
        resultNames: () => [`backup/${name}`],
        text: backupResultText,
      }),
    );
  }, cluster);
}

/** Two backups of one name in a location cannot be; better said before the work than after it. */
export async function refuseKnownName(session: Session, location: string, name: string): Promise<void> {
  const repository = await session.repository(location);
  const known = (await repository.backups()).find((entry) => entry.manifest.name === name);
  if (!known) return;
  throw new HoldfastError(FailureType.AlreadyExists, `backup "${name}" exists in location ${location}`, {
    advice: 'choose another name, or leave it out',
  });
}

export function checkedName(what: string, name: string): string {
  const problem = nameProblem(what, name);
  if (problem !== '') throw new HoldfastError(FailureType.BadInput, problem);
  return name;
}

export function checkedSelection(options: SelectionOptions): ReturnType<typeof selectionOf> {
  const selection = selectionOf(options);
  const problems = validateSelection(selection);
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
  return selection;
}
