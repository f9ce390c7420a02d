import type { ClusterStateRequest } from '../../contracts/cluster-state.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { HookRule } from '../../contracts/hook.ts';
import type { RetentionPolicy } from '../../contracts/retention.ts';
import type { RunScheduleInput, ScheduledBackup, ScheduledCheck, ScheduledSync } from '../../contracts/schedule.ts';
import type { VolumeRequest } from '../../contracts/volume.ts';
import { nameProblem } from '../../domain/plan/names.ts';
import { checkPolicy } from '../../domain/retention/policy.ts';
import { parseSchedule, type ScheduleExpression } from '../../domain/schedule/expression.ts';
import { parseCatchUpWindow, parseJitter, parseOverlap, type OverlapPolicy } from '../../domain/schedule/run-policies.ts';
import { parseDuration, wholeSeconds } from '../../domain/time/duration.ts';
import { checkedSelection } from '../commands/backup.ts';
import type { SelectionOptions } from '../options.ts';

/** A schedule, complete: what to do, when, and how to deal with what comes between. */
export interface ScheduleDefinition {
  readonly name: string;
  readonly expression: ScheduleExpression;
  readonly input: RunScheduleInput;
  readonly overlap: OverlapPolicy;
  readonly catchUpSeconds: number;
  readonly jitterSeconds: number;
  readonly paused: boolean;
}

export interface DefinitionOptions extends SelectionOptions {
  readonly schedule: string;
  readonly timezone: string;
  readonly check: boolean;
  readonly gitOnly: boolean;
  readonly readData?: string | true;
  readonly labels: Readonly<Record<string, string>>;
  readonly ttl?: string;
  readonly rpo?: string;
  readonly overlap: string;
  readonly catchUp: string;
  readonly jitter: string;
  readonly attempts: number;
  readonly retryAfter: string;
  readonly paused: boolean;
  readonly retention: RetentionPolicy;
  readonly volumeRequest: VolumeRequest | undefined;
  readonly hookRules: readonly HookRule[] | undefined;
  readonly clusterState: ClusterStateRequest;
}

/** `-20261122-021500` is added to it for the name of each backup. */
const MAX_NAME = 47;

/** Reads and checks what was asked for; `BadInput` says what is wrong. */
export function defineSchedule(
  name: string,
  place: { readonly cluster: string; readonly location: string },
  options: DefinitionOptions,
): ScheduleDefinition {
  const problem = nameProblem('schedule', name);
  if (problem !== '') throw bad(problem);
  if (name.length > MAX_NAME) throw bad(`schedule name "${name}" is longer than ${MAX_NAME} characters: its backups are named after it`);
  return {
    name,
    expression: parseSchedule(options.schedule, options.timezone),
    input: {
      schedule: name,
      ...place,
      action: actionOf(options),
      attempts: options.attempts,
      retryAfterSeconds: parseDuration(options.retryAfter, '--retry-after'),
      ...(options.rpo === undefined ? {} : { rpoSeconds: wholeSeconds(options.rpo, '--rpo') }),
    },
    overlap: parseOverlap(options.overlap),
    catchUpSeconds: parseCatchUpWindow(options.catchUp),
    jitterSeconds: parseJitter(options.jitter),
    paused: options.paused,
  };
}

function actionOf(options: DefinitionOptions): RunScheduleInput['action'] {
  if (options.check && options.gitOnly) throw bad('--check and --git-only are two schedules: make one for each');
  if (options.check) return checkAction(options);
  if (options.readData !== undefined) throw bad('--read-data is for schedules of checks: add --check');
  return options.gitOnly ? syncAction(options) : backupAction(options);
}

function backupAction(options: DefinitionOptions): ScheduledBackup {
  const retention = Object.keys(options.retention).length === 0 ? undefined : options.retention;
  if (retention) checkPolicy(retention);
  return {
    type: 'backup',
    selection: checkedSelection(options),
    labels: options.labels,
    ...(options.volumeRequest === undefined ? {} : { volumes: options.volumeRequest }),
    ...(options.hookRules === undefined ? {} : { hooks: options.hookRules }),
    ...options.clusterState,
    ...(options.ttl === undefined ? {} : { ttlSeconds: wholeSeconds(options.ttl, '--ttl') }),
    // A time to live without rules: retention still removes what has expired.
    ...(retention ? { retention } : options.ttl === undefined ? {} : { retention: {} }),
  };
}

function checkAction(options: DefinitionOptions): ScheduledCheck {
  refuseBackupOptions('--check', options);
  if (options.clusterState.git !== undefined) throw bad('--check makes no commits: leave out --git');
  return { type: 'check', readShare: readShare(options.readData) };
}

function syncAction(options: DefinitionOptions): ScheduledSync {
  refuseBackupOptions('--git-only', options);
  const { git: remotes = [] } = options.clusterState;
  if (remotes.length === 0) throw bad('--git-only needs --git: name the remotes that get the state');
  return { type: 'git', remotes, selection: checkedSelection(options) };
}

function refuseBackupOptions(instead: string, { ttl, retention, labels, clusterState, hookRules }: DefinitionOptions): void {
  const given = [
    ...(ttl === undefined ? [] : ['--ttl']),
    ...(Object.keys(retention).length === 0 ? [] : ['the --keep options']),
    ...(Object.keys(labels).length === 0 ? [] : ['--labels']),
    ...(hookRules === undefined ? [] : ['--hooks']),
    ...(clusterState.etcd === undefined ? [] : ['--include-etcd']),
    ...(clusterState.helm === undefined ? [] : ['--helm']),
  ];
  if (given.length > 0) throw bad(`${instead} makes no backups: leave out ${given.join(', ')}`);
}

/** `--read-data` alone is everything; `--read-data 10%` a part. */
function readShare(text: string | true | undefined): number {
  if (text === undefined) return 0;
  if (text === true) return 1;
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1] ?? Number.NaN);
  if (percent > 0 && percent <= 100) return percent / 100;
  throw bad(`--read-data "${text}" is no share: write 10%`);
}

function bad(message: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, message);
}
