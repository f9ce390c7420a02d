import { InvalidArgumentError, Option, type Command } from 'commander';
import { stringify } from 'yaml';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import {
  Allowance,
  ConflictPolicy,
  type PlannedObject,
  type RestoreProjectInput,
  type RestoreProjectResult,
} from '../../contracts/restore.ts';
import { restoreWorkflowId } from '../../contracts/workflow-ids.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { mappingProblems } from '../../domain/plan/mapping.ts';
import { storageProblems } from '../../domain/plan/storage-mapping.ts';
import { defaultName } from '../../domain/plan/names.ts';
import { countAction, emptyCounts } from '../../domain/plan/outcome.ts';
import { ExitCode } from '../exit-codes.ts';
import {
  commaList,
  durationOption,
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
import { captureSnapshot, snapshotBackupName, withFromEtcd, type FromEtcdOptions } from '../etcd/from-etcd.ts';
import { readRestoreHooks } from '../hooks/hook-file.ts';
import { note, printAnswer } from '../output/print.ts';
import { planText, restoreResultText } from '../output/restore-text.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { goodBackupOf } from '../schedules/schedule-views.ts';
import { namedCluster, reachableCluster, withSession, type NamedCluster, type Session } from '../session.ts';
import { volumeRestoreOf, withVolumeRestore, type VolumeRestoreOptions } from '../volumes/volume-options.ts';
import { checkedName, checkedSelection } from './backup.ts';
import { addRestoreQueries } from './restore-queries.ts';

interface PlanOptions extends ClusterOptions, LocationOptions, OutputOptions, SelectionOptions, VolumeRestoreOptions, FromEtcdOptions {
  readonly fromBackup?: string;
  readonly fromSchedule?: string;
  readonly allowPartiallyFailed: boolean;
  readonly wholeCluster: boolean;
  readonly namespaceMappings: Readonly<Record<string, string>>;
  readonly storageClassMapping: Readonly<Record<string, string>>;
  readonly volumeSize: Readonly<Record<string, string>>;
  readonly existing: ConflictPolicy;
  /** Velero's word for it: none is skip. */
  readonly existingResourcePolicy?: 'none' | 'update';
  readonly hooks?: string;
  readonly includeControlled: boolean;
  readonly preserveNodeports: boolean;
  readonly allow: readonly Allowance[];
  readonly readinessTimeout: number;
}

type CreateOptions = PlanOptions & WaitOptions;

export function restoreCommand(program: Command, done: (code: ExitCode) => void): void {
  const restore = program.command('restore').description('bring a backup, or a part of it, into a cluster');

  withRestoreOptions(restore.command('plan'))
    .description('show what a restore would do, object by object, without doing it')
    .action(async (options: PlanOptions) => {
      done(await plan(options));
    });

  withWaiting(withRestoreOptions(restore.command('create [name]')))
    .description('restore, then compare the cluster with the backup')
    .action(async (name: string | undefined, options: CreateOptions) => {
      done(await create(name, options));
    });

  addRestoreQueries(restore, done);
}

function withRestoreOptions(command: Command): Command {
  return withFromEtcd(withVolumeRestore(withOutput(withSelection(withLocation(withClusterOptions(command))))))
    .option('--from-backup <name>', 'the backup to restore')
    .option('--from-schedule <name>', 'restore the newest good backup of this schedule')
    .option('--allow-partially-failed', 'with --from-schedule: take a partly failed backup, too, if it is newer', false)
    .option('--namespace-mappings <old:new>', 'restore into other namespaces (comma-separated, repeatable)', mappings, {})
    .option('--storage-class-mapping <old:new>', 'give claims another storage class (comma-separated, repeatable)', mappings, {})
    .option('--volume-size <namespace/claim=size>', 'give a claim, as captured, another size (comma-separated, repeatable)', sizes, {})
    .addOption(
      new Option('--existing <policy>', 'what to do with objects that are there and differ')
        .choices(Object.values(ConflictPolicy))
        .default(ConflictPolicy.Skip),
    )
    .addOption(new Option('--existing-resource-policy <policy>', 'the same, as Velero spells it').choices(['none', 'update']).hideHelp())
    .option('--hooks <file>', 'commands and init containers for the restored pods, as in spec.hooks of a Velero Restore')
    .option(
      '--whole-cluster',
      'everything, into a cluster that is to take the place of the old one: node ports, and all that the policy gate holds back',
      false,
    )
    .option('--include-controlled', 'also restore what a controller would make again (pods of a ReplicaSet ...)', false)
    .option('--preserve-nodeports', 'keep the node ports of services', false)
    .option('--allow <what>', `restore what the policy gate holds back: ${Object.values(Allowance).join(', ')}`, allowances, [])
    .option('--readiness-timeout <time>', 'how long to wait where later objects depend on earlier ones', durationOption, 120_000);
}

async function plan(options: PlanOptions): Promise<ExitCode> {
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    const chosen = await chosenBackup(session, location, options);
    if ('ended' in chosen) return chosen.ended;
    const input = await inputOf('plan', cluster, { ...options, location, ...chosen });
    await reachableCluster(session, cluster);
    const planned: PlannedObject[] = [];
    let counts = emptyCounts();
    const errors: Issue[] = [];
    for await (const line of session.services.previewRestore(input, (issue) => errors.push(issue))) {
      planned.push(line);
      counts = countAction(counts, line.action);
    }
    printAnswer(options.output, {
      data: { backup: input.backup, cluster: cluster.name, options: input.options, counts, objects: planned, errors },
      names: planned.map(
        ({ action, object }) => `${action} ${[object.namespace, object.kind, object.name].filter((part) => part !== '').join('/')}`,
      ),
      table: (wide) => planText(planned, counts, wide),
    });
    for (const { message } of errors) note(`error: ${message}`);
    return errors.length === 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
  }, cluster);
}

async function create(given: string | undefined, options: CreateOptions): Promise<ExitCode> {
  const name = checkedName('restore', given ?? defaultName('restore', new Date().toISOString()));
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    const isShownOnly = options.output === 'yaml' || options.output === 'json';
    const chosen = await chosenBackup(session, location, { ...options, isShownOnly });
    if ('ended' in chosen) return chosen.ended;
    const { backup } = chosen;
    const input = await inputOf(name, cluster, { ...options, location, backup });
    if (isShownOnly) {
      process.stdout.write(options.output === 'yaml' ? stringify(input) : `${JSON.stringify(input, null, 2)}\n`);
      return 0;
    }
    await (await session.repository(location)).findBackup(backup);
    if (!isClientOnly()) await reachableCluster(session, cluster);
    return withOrchestrator(session.configuration, cluster, (orchestrator) =>
      undertake<RestoreProjectResult>(orchestrator, {
        request: {
          workflow: 'restoreProject',
          workflowId: restoreWorkflowId(cluster.name, name),
          kind: 'restore',
          name,
          location,
          cluster,
          input,
        },
        title: `restore "${name}" of backup "${backup}"`,
        wait: options.wait,
        timeoutMs: options.timeout,
        output: options.output,
        resultNames: () => [`restore/${name}`],
        text: restoreResultText,
      }),
    );
  }, cluster);
}

/**
 * The backup that is meant, by its own name, as the newest good one of a schedule, or as what an etcd snapshot is read into; or how the command ended
 * before there was one. A request that is only shown has nothing made for it.
 */
async function chosenBackup(
  session: Session,
  location: string,
  options: PlanOptions & { readonly isShownOnly?: boolean },
): Promise<{ readonly backup: string } | { readonly ended: ExitCode }> {
  const { fromBackup, fromSchedule, fromEtcd, allowPartiallyFailed, encryptionConfig } = options;
  if ([fromBackup, fromSchedule, fromEtcd].filter((named) => named !== undefined).length !== 1) {
    throw new HoldfastError(
      FailureType.BadInput,
      'say what to restore: one of --from-backup NAME, --from-schedule NAME, --from-etcd BACKUP',
    );
  }
  if (encryptionConfig !== '' && fromEtcd === undefined) {
    throw new HoldfastError(FailureType.BadInput, '--encryption-config is for --from-etcd only');
  }
  if (fromBackup !== undefined) return { backup: fromBackup };
  if (fromEtcd === undefined) {
    const wanted = { location, schedule: fromSchedule ?? '', partiallyFailedToo: allowPartiallyFailed };
    return { backup: await goodBackupOf(session, wanted) };
  }
  if (options.isShownOnly === true) return { backup: snapshotBackupName(fromEtcd) };
  return captureSnapshot(session, { location, backup: fromEtcd, encryptionConfig });
}

async function inputOf(
  name: string,
  cluster: NamedCluster,
  options: PlanOptions & { readonly backup: string },
): Promise<RestoreProjectInput> {
  const storage = { storageClassMapping: options.storageClassMapping, volumeSizes: options.volumeSize };
  if (options.wholeCluster && Object.keys(options.namespaceMappings).length > 0) {
    throw new HoldfastError(FailureType.BadInput, '--whole-cluster brings namespaces back as they were: leave out --namespace-mappings');
  }
  const problems = [...mappingProblems(options.namespaceMappings), ...storageProblems(storage)];
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
  const volumes = volumeRestoreOf(options);
  return {
    name,
    backup: options.backup,
    cluster: cluster.name,
    location: options.location,
    options: {
      selection: checkedSelection(options),
      namespaceMapping: options.namespaceMappings,
      conflictPolicy: options.existingResourcePolicy === 'update' ? ConflictPolicy.Update : options.existing,
      includeControlled: options.includeControlled,
      preserveNodePorts: options.preserveNodeports || options.wholeCluster,
      allow: options.wholeCluster ? Object.values(Allowance) : options.allow,
      readinessTimeoutMs: options.readinessTimeout,
      ...(Object.keys(options.storageClassMapping).length === 0 ? {} : { storageClassMapping: options.storageClassMapping }),
      ...(Object.keys(options.volumeSize).length === 0 ? {} : { volumeSizes: options.volumeSize }),
      ...(volumes === undefined ? {} : { volumes }),
      ...(Object.keys(options.pluginOption).length === 0 ? {} : { pluginOptions: options.pluginOption }),
      ...(options.hooks === undefined ? {} : { hooks: await readRestoreHooks(options.hooks) }),
    },
  };
}

export function mappings(value: string, earlier: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const pairs = commaList(value, []).map((pair): [string, string] => {
    const [from, to, ...rest] = pair.split(':');
    if (!from || !to || rest.length > 0) throw new InvalidArgumentError(`"${pair}" is not old:new`);
    return [from, to];
  });
  return { ...earlier, ...Object.fromEntries(pairs) };
}

function sizes(value: string, earlier: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const pairs = commaList(value, []).map((pair): [string, string] => {
    const [claim, size, ...rest] = pair.split('=');
    if (!claim || !size || rest.length > 0) throw new InvalidArgumentError(`"${pair}" is not namespace/claim=size`);
    return [claim, size];
  });
  return { ...earlier, ...Object.fromEntries(pairs) };
}

export function allowances(value: string, earlier: readonly Allowance[]): readonly Allowance[] {
  const known = Object.values(Allowance);
  const named = commaList(value, []).map((word) => {
    const allowance = known.find((candidate) => candidate === word);
    if (!allowance) throw new InvalidArgumentError(`"${word}" is none of ${known.join(', ')}`);
    return allowance;
  });
  return [...earlier, ...named];
}
