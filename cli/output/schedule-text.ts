import type { RunScheduleInput, RunScheduleResult } from '../../contracts/schedule.ts';
import { printSchedule } from '../../domain/schedule/expression.ts';
import { printDuration } from '../../domain/time/duration.ts';
import type { ScheduleView } from '../schedules/schedule-views.ts';
import { backupResultText } from './backup-text.ts';
import { syncedText } from './git-text.ts';
import { issueLines } from './issue-lines.ts';
import { phase } from './colours.ts';
import { age, duration } from './quantities.ts';

/** What a person wants to know after one run of a schedule. */
export function scheduleRunText(result: RunScheduleResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  const attempts = result.attempts > 1 ? ` at attempt ${result.attempts}` : '';
  return [
    ...(result.backup ? [backupResultText({ ...result.backup, warnings: [], errors: [] })] : []),
    ...(result.git ?? []).map(syncedText),
    ...(result.removed.length > 0 ? [`removed by retention: ${result.removed.join(', ')}`] : []),
    `run of schedule "${result.schedule}" ${phase(result.phase)}${attempts} in ${duration(took)}`,
    ...issueLines(result),
  ].join('\n');
}

/** The cells of one line of `schedule get`. */
export function scheduleCells({ schedule, lastGood, rpo, problem }: ScheduleView, now: number): readonly string[] {
  const next = schedule.nextRuns[0];
  return [
    schedule.name,
    schedule.input.action.type,
    schedule.paused ? 'paused' : 'active',
    printSchedule(schedule.expression),
    lastGood ? `${age(lastGood.completedAt, now)} ago` : problem === '' ? 'never' : 'unknown',
    next ?? '-',
    rpo.rpoNowSeconds === null ? '-' : roughly(rpo.rpoNowSeconds),
    roughly(rpo.targetSeconds),
    problem === '' ? (rpo.overdue ? 'OVERDUE' : 'ok') : 'unknown',
  ];
}

/** Everything about one schedule. */
export function scheduleDetails({ schedule, lastGood, rpo, problem }: ScheduleView): string {
  const { input } = schedule;
  return [
    `Name:        ${schedule.name}`,
    `Does:        ${actionText(input)}`,
    `Cluster:     ${input.cluster}`,
    `Location:    ${input.location || '-'}`,
    `Schedule:    ${printSchedule(schedule.expression)}`,
    `State:       ${schedule.paused ? `paused: ${schedule.note}` : 'active'}`,
    `Created:     ${schedule.createdAt}`,
    `Overlap:     ${schedule.overlap.toLowerCase().replaceAll('_', '-')}`,
    `Catch-up:    ${printDuration(schedule.catchUpSeconds)}`,
    `Jitter:      ${printDuration(schedule.jitterSeconds)}`,
    `Attempts:    ${input.attempts}, ${printDuration(input.retryAfterSeconds)} apart`,
    `Retention:   ${retentionText(input)}`,
    `Last good:   ${lastGood ? `${lastGood.name} at ${lastGood.completedAt}` : problem === '' ? 'never' : `unknown: ${problem}`}`,
    `RPO:         ${rpo.rpoNowSeconds === null ? 'no good run yet' : roughly(rpo.rpoNowSeconds)}, target ${roughly(rpo.targetSeconds)}${rpo.overdue ? ': OVERDUE' : ''}`,
    '',
    'Next runs:',
    ...(schedule.nextRuns.length === 0 ? ['  none'] : schedule.nextRuns.slice(0, 5).map((time) => `  ${time}`)),
    'Last runs:',
    ...(schedule.recentRuns.length === 0
      ? ['  none']
      : schedule.recentRuns.slice(0, 5).map((run) => `  ${run.startedAt}  ${run.workflowId}`)),
  ].join('\n');
}

function actionText({ action }: RunScheduleInput): string {
  if (action.type === 'check')
    return action.readShare === 0 ? 'check' : `check, reading ${Math.round(action.readShare * 1_000) / 10}% of the packs`;
  const { includedNamespaces } = action.selection;
  const namespaces = includedNamespaces.length === 0 ? 'all namespaces' : includedNamespaces.join(', ');
  return action.type === 'git' ? `sync of ${namespaces} to Git: ${action.remotes.join(', ')}` : `backup of ${namespaces}`;
}

function retentionText({ action }: RunScheduleInput): string {
  if (action.type !== 'backup') return '-';
  const rules = Object.entries(action.retention ?? {}).map(
    ([rule, value]) => `${rule.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${value}`,
  );
  const ttl = action.ttlSeconds === undefined ? [] : [`time to live ${printDuration(action.ttlSeconds)}`];
  return [...rules, ...ttl].join(', ') || 'everything is kept';
}

/** `26h`, `3d04h`: no more precise than anybody needs. */
function roughly(seconds: number): string {
  if (seconds < 172_800) return duration(seconds * 1_000);
  return `${Math.floor(seconds / 86_400)}d${String(Math.floor((seconds % 86_400) / 3_600)).padStart(2, '0')}h`;
}
