import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  defineQuery,
  executeChild,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { QUERY_PROGRESS, type BackupProjectResult } from '../contracts/backup.ts';
import { FailureType } from '../contracts/failures.ts';
import type { GitSynced } from '../contracts/git.ts';
import { RunPhase } from '../contracts/outcome.ts';
import type {
  RunScheduleInput,
  RunScheduleResult,
  ScheduleActivities,
  ScheduledBackup,
  ScheduledCheck,
  ScheduledSync,
  ScheduleProgress,
} from '../contracts/schedule.ts';
import { backupWorkflowId } from '../contracts/workflow-ids.ts';
import { defaultName } from '../domain/plan/names.ts';
import * as policy from './activity-options.ts';
import { backupProject } from './backup-project.ts';
import { causeOf, failWithCause, isIssue, orIssue, publishPhase, labelsOf, RunLedger } from './run-ledger.ts';
import { syncRemote } from './sync-remote.ts';

const { pruneBackups } = proxyActivities<ScheduleActivities>(policy.commit);
const { checkRepository } = proxyActivities<ScheduleActivities>(policy.scan);

const progress = defineQuery<ScheduleProgress>(QUERY_PROGRESS);

/** Set by the server on everything that a schedule starts. */
const SCHEDULED_TIME = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

const FINAL: readonly string[] = [FailureType.BadInput, FailureType.WrongKey, FailureType.NewerFormat];

interface Run {
  readonly input: RunScheduleInput;
  readonly ledger: RunLedger;
  /** Name of the backup; the same for all attempts. */
  readonly name: string;
  attempt: number;
}

/**
 * One turn of a schedule: make the backup (or check the repository, or bring Git up to date), try again when that fails, and after a good backup let
 * retention remove what is no longer wanted. A turn that fails in the end is a failed workflow that needs attention: the next turn comes all the same.
 */
export async function runSchedule(input: RunScheduleInput): Promise<RunScheduleResult> {
  const ledger = new RunLedger();
  const run: Run = { input, ledger, name: defaultName(input.schedule, scheduledTime()), attempt: 1 };
  let phase: RunPhase = RunPhase.Running;
  setHandler(progress, () => progressOf(run, phase));

  return failWithCause(ledger, async () => {
    const { action } = input;
    const backup = action.type === 'backup' ? await ledger.during('backup', () => backUp(run, action)) : undefined;
    if (action.type === 'check') await ledger.during('check', () => check(run, action));
    const git = action.type === 'git' ? await syncAll(run, action) : undefined;
    const removed = action.type === 'backup' && backup?.phase === RunPhase.Completed ? await prune(run, action) : [];

    phase = ledger.errorCount > 0 ? RunPhase.PartiallyFailed : RunPhase.Completed;
    if (backup && backup.phase !== RunPhase.Completed) phase = backup.phase;
    publishPhase(phase);
    return {
      schedule: input.schedule,
      phase,
      attempts: run.attempt,
      ...(backup ? { backup } : {}),
      ...(git ? { git } : {}),
      removed,
      ...ledger.account(),
    };
  });
}

/** Tried again when it fails as a whole. A partly failed backup is one that exists: it is reported, not made again. */
async function backUp(run: Run, action: ScheduledBackup): Promise<BackupProjectResult> {
  const made = await tryAgain(
    run,
    () => oneBackup(run, action),
    ({ phase, errors }) => (phase === RunPhase.Failed ? (errors[0]?.message ?? 'nothing could be captured') : ''),
  );
  run.ledger.warn(made.warnings);
  run.ledger.fail(made.errors);
  return made;
}

/** Repeats work that fails as a whole, as often as the schedule says; `problem` tells why a result is none, '' when it is one. */
async function tryAgain<T extends object>(run: Run, work: () => Promise<T>, problem: (made: T) => string): Promise<T> {
  const { input, ledger } = run;
  for (; ; run.attempt++) {
    const last = run.attempt >= input.attempts;
    const made = await work().catch((error: unknown) => {
      if (last || isCancellation(error) || isFinal(error)) throw error;
      return causeOf(error);
    });
    const why = typeof made === 'string' ? made : problem(made);
    if (typeof made !== 'string' && (last || why === '')) return made;
    ledger.warn([{ code: 'AttemptFailed', message: `attempt ${run.attempt} of ${input.attempts} failed: ${why}` }]);
    await sleep(input.retryAfterSeconds * 1_000);
  }
}

function oneBackup({ input, name }: Run, action: ScheduledBackup): Promise<BackupProjectResult> {
  const { cluster, location, schedule } = input;
  return executeChild(backupProject, {
    workflowId: backupWorkflowId(location, name),
    args: [
      {
        name,
        cluster,
        location,
        selection: action.selection,
        schedule,
        labels: action.labels,
        ...(action.ttlSeconds === undefined ? {} : { ttlSeconds: action.ttlSeconds }),
        ...(action.volumes === undefined ? {} : { volumes: action.volumes }),
        ...(action.hooks === undefined ? {} : { hooks: action.hooks }),
        ...(action.etcd === undefined ? {} : { etcd: action.etcd }),
        ...(action.helm === undefined ? {} : { helm: action.helm }),
        ...(action.git === undefined ? {} : { git: action.git }),
      },
    ],
    staticSummary: `backup ${name}`,
    ...labelsOf({ kind: 'backup', name, cluster, location }),
  });
}

/** A new attempt would meet the same. */
function isFinal(error: unknown): boolean {
  const isWrapped = error instanceof ChildWorkflowFailure || error instanceof ActivityFailure;
  const type = isWrapped && error.cause instanceof ApplicationFailure ? error.cause.type : '';
  return FINAL.includes(type ?? '');
}

/** Each remote for itself: one that fails keeps no other from being brought up to date. Fails as a whole when none was. */
async function syncAll(run: Run, { remotes, selection }: ScheduledSync): Promise<readonly GitSynced[]> {
  const { cluster } = run.input;
  const synced: GitSynced[] = [];
  let failure: Error | undefined;
  for (const remote of remotes) {
    const tried = { ...run, attempt: 1 };
    try {
      const sync = () => syncRemote(run.ledger, { cluster, remote, selection, source: { live: true } });
      synced.push(await tryAgain(tried, sync, () => ''));
    } catch (error) {
      if (isCancellation(error) || !(error instanceof Error)) throw error;
      failure ??= error;
      run.ledger.fail([{ code: 'GitFailed', message: `"${remote}" is not brought up to date: ${causeOf(error)}` }]);
    } finally {
      run.attempt = Math.max(run.attempt, tried.attempt);
    }
  }
  if (synced.length === 0 && failure !== undefined) throw failure;
  return synced;
}

async function check({ input, ledger }: Run, { readShare }: ScheduledCheck): Promise<void> {
  const found = await checkRepository({ location: input.location, readShare });
  ledger.warn(found.warnings);
  ledger.fail(found.errors);
  ledger.say('info', `${found.packs} packs, ${found.packsRead} of them read`);
}

/** What cannot be removed today is removed next time. */
async function prune({ input, ledger }: Run, { retention }: ScheduledBackup): Promise<readonly string[]> {
  if (!retention) return [];
  const { location, schedule, cluster } = input;
  const removed = await orIssue(
    () => ledger.during('retention', () => pruneBackups({ location, schedule, cluster, policy: retention })),
    (cause) => ({ code: 'RetentionFailed', message: `retention: ${cause}` }),
  );
  if (!isIssue(removed)) return removed;
  ledger.fail([removed]);
  return [];
}

/** When this turn was due, ISO-8601; the start time for a run that no schedule has started. */
function scheduledTime(): string {
  const { typedSearchAttributes, startTime } = workflowInfo();
  return (typedSearchAttributes.get(SCHEDULED_TIME) ?? startTime).toISOString();
}

function progressOf({ input, ledger, name, attempt }: Run, phase: RunPhase): ScheduleProgress {
  return {
    phase,
    step: ledger.step,
    backup: input.action.type === 'backup' ? name : '',
    attempt,
    warnings: ledger.warningCount,
    errors: ledger.errorCount,
  };
}
