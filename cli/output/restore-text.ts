import {
  RestoreAction,
  type ActionCounts,
  type PlannedObject,
  type RestoreProjectResult,
  type RestoreRecord,
} from '../../contracts/restore.ts';
import { recoveredApplicationsText } from './application-text.ts';
import { issueLines } from './issue-lines.ts';
import { phase } from './colours.ts';
import { objectText } from './diff-text.ts';
import { count, duration } from './quantities.ts';
import { table } from './table.ts';
import { restoredVolumesText } from './volume-text.ts';

/** `12 create, 3 unchanged` */
export function countsText(counts: ActionCounts): string {
  const parts = Object.values(RestoreAction)
    .filter((action) => counts[action] > 0)
    .map((action) => `${count(counts[action])} ${action}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** What a person wants to know right after a restore: what was done, and whether the cluster now is as it was captured. */
export function restoreResultText(result: RestoreProjectResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  const { verification } = result;
  const compared = `${count(verification.compared)} objects compared, ${count(verification.excluded)} left out on purpose`;
  const verdict = verification.equal ? `equal: ${compared}` : `DIFFERENT: ${count(verification.differenceCount)} of ${compared}`;
  return [
    `restore "${result.name}" of backup "${result.backup}" ${phase(result.phase)} in ${duration(took)}: ${countsText(result.counts)}${result.failed > 0 ? `, ${count(result.failed)} failed` : ''}`,
    `verification: ${verdict}`,
    ...verification.differences.flatMap(({ object, kind, fields }) => [
      `  ${kind}: ${objectText(object)}`,
      ...fields.map((field) => `      ${field}`),
    ]),
    ...(verification.differenceCount > verification.differences.length
      ? [`  and ${verification.differenceCount - verification.differences.length} more`]
      : []),
    ...restoredVolumesText(result.volumes),
    ...recoveredApplicationsText(result.applications),
    ...(result.hooks ? [`hooks: ${count(result.hooks.attempted)} run, ${count(result.hooks.failed)} failed`] : []),
    ...issueLines(result),
  ].join('\n');
}

export function restoreDetails(record: RestoreRecord, wide: boolean): string {
  const { options } = record;
  const mapping = Object.entries(options.namespaceMapping).map(([from, to]) => `${from}:${to}`);
  return [
    `Name:      ${record.name}`,
    `Backup:    ${record.backup}`,
    `Cluster:   ${record.cluster}`,
    `Started:   ${record.startedAt}`,
    `Completed: ${record.completedAt}`,
    `Existing:  ${options.conflictPolicy}`,
    ...(mapping.length === 0 ? [] : [`Mapping:   ${mapping.join(', ')}`]),
    `Run:       ${record.runId}`,
    '',
    restoreResultText(record),
    ...(wide ? ['', 'Steps:', ...record.steps.map((step) => `  ${step.step.padEnd(40)} ${duration(step.durationMs)}`)] : []),
  ].join('\n');
}

export function planText(planned: readonly PlannedObject[], counts: ActionCounts, wide: boolean): string {
  const rows = planned.map((line) => [
    String(line.wave),
    line.action,
    line.object.kind,
    line.object.namespace === '' ? line.object.name : `${line.object.namespace}/${line.object.name}`,
    [line.reason ?? '', ...(wide ? (line.differs ?? []) : (line.differs ?? []).slice(0, 3))].filter((text) => text !== '').join(' '),
  ]);
  return `${table(['WAVE', 'ACTION', 'KIND', 'OBJECT', 'WHY'], rows)}\n\n${countsText(counts)}; nothing was written`;
}
