import { Option, type Command } from 'commander';
import type { ImportCommitInput, ImportCommitResult } from '../../contracts/git.ts';
import type { Issue } from '../../contracts/outcome.ts';
import {
  ConflictPolicy,
  type Allowance,
  type RestoreOptions,
  type RestoreProjectInput,
  type RestoreProjectResult,
} from '../../contracts/restore.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { gitImportWorkflowId, restoreWorkflowId } from '../../contracts/workflow-ids.ts';
import { mappingProblems } from '../../domain/plan/mapping.ts';
import { defaultName } from '../../domain/plan/names.ts';
import { countAction, emptyCounts } from '../../domain/plan/outcome.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import { ExitCode } from '../exit-codes.ts';
import {
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
import { note, printAnswer } from '../output/print.ts';
import { planText, restoreResultText } from '../output/restore-text.ts';
import { followOrLeave } from '../runs/follow-or-leave.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { startOrJoinRun } from '../runs/start-run.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, reachableCluster, withSession, type NamedCluster, type Session } from '../session.ts';
import { checkedSelection } from './backup.ts';
import { allowances, mappings } from './restore.ts';

interface GitRestoreOptions extends ClusterOptions, LocationOptions, OutputOptions, SelectionOptions, WaitOptions {
  readonly remote: string;
  readonly plan: boolean;
  readonly namespaceMappings: Readonly<Record<string, string>>;
  readonly existing: ConflictPolicy;
  readonly allow: readonly Allowance[];
  readonly readinessTimeout: number;
}

interface CommitRestore {
  readonly cluster: NamedCluster;
  readonly options: GitRestoreOptions;
  readonly input: ImportCommitInput;
  readonly restoreOptions: RestoreOptions;
}

export function addGitRestore(git: Command, done: (code: ExitCode) => void): void {
  withWaiting(withOutput(withSelection(withLocation(withClusterOptions(git.command('restore <commit>'))))))
    .description('bring the state in a commit, or a part of it, into a cluster: it becomes a backup, and that is restored')
    .requiredOption('--remote <name>', 'the Git remote')
    .option('--plan', 'only show what it would do, without writing anything', false)
    .option('--namespace-mappings <old:new>', 'restore into other namespaces (comma-separated, repeatable)', mappings, {})
    .addOption(
      new Option('--existing <policy>', 'what to do with objects that are there and differ')
        .choices(Object.values(ConflictPolicy))
        .default(ConflictPolicy.Skip),
    )
    .option('--allow <what>', 'restore what the policy gate holds back: see `restore create --help`', allowances, [])
    .option('--readiness-timeout <time>', 'how long to wait where later objects depend on earlier ones', durationOption, 120_000)
    .action(async (commit: string, options: GitRestoreOptions) => {
      done(await restore(commit, options));
    });
}

async function restore(commit: string, options: GitRestoreOptions): Promise<ExitCode> {
  const restoreOptions = restoreOptionsOf(options);
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const input: ImportCommitInput = {
      remote: options.remote,
      commit,
      location: session.locationName(options.location),
      cluster: cluster.name,
    };
    const work: CommitRestore = { cluster, options, input, restoreOptions };
    if (options.plan || !isClientOnly()) await reachableCluster(session, cluster);
    if (options.plan) return plan(session, work);
    return withOrchestrator(session.configuration, cluster, (orchestrator) => restoreImported(orchestrator, work));
  }, cluster);
}

async function plan(session: Session, { input, options, restoreOptions, cluster }: CommitRestore): Promise<ExitCode> {
  const { imported, planned } = await session.services.previewCommit(input, restoreOptions);
  noteLeftOut(imported.warnings);
  const counts = planned.reduce((sum, { action }) => countAction(sum, action), emptyCounts());
  printAnswer(options.output, {
    data: { backup: imported.backup, cluster: cluster.name, options: restoreOptions, counts, objects: planned, errors: [] },
    names: planned.map(
      ({ action, object }) => `${action} ${[object.namespace, object.kind, object.name].filter((part) => part !== '').join('/')}`,
    ),
    table: (wide) => planText(planned, counts, wide),
  });
  return ExitCode.Done;
}

/** The import is waited for in every case: without its backup there is nothing to restore. */
async function restoreImported(orchestrator: Orchestrator, { input, cluster, options, restoreOptions }: CommitRestore): Promise<ExitCode> {
  const { remote, commit, location } = input;
  const workflowId = gitImportWorkflowId(location, remote, commit);
  const { handle } = await startOrJoinRun(orchestrator, {
    workflow: 'importCommit',
    workflowId,
    kind: 'git',
    name: remote,
    location,
    cluster,
    input,
  });
  const imported: ImportCommitResult[] = [];
  const following = { orchestrator, handle, wait: true, timeoutMs: options.timeout, noun: 'git', name: remote } as const;
  const code = await followOrLeave(following, (result) => {
    imported.push(result as ImportCommitResult);
    return ExitCode.Done;
  });
  const [made] = imported;
  if (!made) return code;
  noteLeftOut(made.warnings);
  note(`commit ${made.commit.slice(0, 12)} is backup "${made.backup}", sequence ${made.sequence}`);
  const name = defaultName('git-restore', new Date().toISOString());
  const restoring: RestoreProjectInput = { name, backup: made.backup, cluster: cluster.name, location, options: restoreOptions };
  return undertake<RestoreProjectResult>(orchestrator, {
    request: {
      workflow: 'restoreProject',
      workflowId: restoreWorkflowId(cluster.name, name),
      kind: 'restore',
      name,
      location,
      cluster,
      input: restoring,
    },
    title: `restore "${name}" of commit ${made.commit.slice(0, 12)}`,
    wait: options.wait,
    timeoutMs: options.timeout,
    output: options.output,
    resultNames: () => [`restore/${name}`],
    text: restoreResultText,
  });
}

function restoreOptionsOf(options: GitRestoreOptions): RestoreOptions {
  const problems = mappingProblems(options.namespaceMappings);
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
  return {
    selection: checkedSelection(options),
    namespaceMapping: options.namespaceMappings,
    conflictPolicy: options.existing,
    includeControlled: false,
    // Git has those only that people have asked for.
    preserveNodePorts: true,
    allow: options.allow,
    readinessTimeoutMs: options.readinessTimeout,
  };
}

function noteLeftOut(warnings: readonly Issue[]): void {
  for (const { message, advice = '' } of warnings) note(`warning: ${message}${advice === '' ? '' : `; ${advice}`}`);
}
