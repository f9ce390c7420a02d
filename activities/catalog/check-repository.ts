import type { CheckRepositoryResult } from '../../contracts/schedule.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { CheckReport, Finding } from '../../repository/check/report.ts';

/** More would only fill the run's history; `holdfast repository check` shows all. */
const MAX_ISSUES = 50;

/** A check's report as the result of a run: what costs data are errors, the rest are warnings, and notes are left out. */
export function checkResult({ findings, files, readData, backups }: CheckReport): CheckRepositoryResult {
  const affected = backups.filter(({ state }) => state !== 'whole').map(({ name }) => name);
  const summary: Issue[] =
    affected.length === 0
      ? []
      : [{ code: 'BackupsAffected', message: `not whole any more: ${affected.join(', ')}`, advice: 'see `holdfast repository check`' }];
  return {
    errors: [...summary, ...issuesOf(findings, 'data')].slice(0, MAX_ISSUES),
    warnings: issuesOf(findings, 'spare').slice(0, MAX_ISSUES),
    packs: files.packs.objects,
    packsRead: readData.packs,
  };
}

function issuesOf(findings: readonly Finding[], severity: Finding['severity']): Issue[] {
  return findings
    .filter((finding) => finding.severity === severity)
    .map(({ code, message, advice }) => ({ code, message, ...(advice === undefined ? {} : { advice }) }));
}
