import type { CapturedRelease } from '../../contracts/helm.ts';
import type { PlannedRelease, RestoreReleasesResult } from '../../contracts/helm-restore.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { issueLines } from './issue-lines.ts';
import { table } from './table.ts';

type ListedRelease = Omit<CapturedRelease, 'archive' | 'archiveVersion'>;

/** The inventory of releases. ARCHIVE says what the chart was made from. */
export function exportText(releases: readonly ListedRelease[], wide: boolean): string {
  const rows = releases.map((release) => [
    release.namespace,
    release.name,
    String(release.revision),
    release.status,
    release.chart,
    release.version,
    release.appVersion,
    release.valuesHash.slice(0, 12),
    release.archiveKind ?? '',
    ...(wide ? [release.archiveSha256 ?? '', release.pushed.join(',')] : []),
  ]);
  const more = wide ? ['SHA256', 'PUSHED'] : [];
  return table(['NAMESPACE', 'RELEASE', 'REVISION', 'STATUS', 'CHART', 'VERSION', 'APP-VERSION', 'VALUES', 'ARCHIVE', ...more], rows);
}

/** What was restored, and what was not. */
export function restoredText(result: RestoreReleasesResult): string {
  const rows = result.releases.map(({ namespace, name, action, revision, status, chart }) => [
    namespace,
    name,
    action,
    String(revision),
    status,
    chart,
  ]);
  const restored =
    rows.length === 0 ? 'no release was restored' : table(['NAMESPACE', 'RELEASE', 'ACTION', 'REVISION', 'STATUS', 'CHART'], rows);
  return [restored, ...issueLines(result)].join('\n');
}

/** What would be done, what the cluster has now, and why something cannot be. */
export function plannedText(releases: readonly PlannedRelease[]): string {
  const rows = releases.map(({ to, action, chart, there, problem }) => [
    to.namespace,
    to.name,
    problem ? 'refuse' : action,
    chart,
    there === '' ? 'nothing' : there,
  ]);
  const warnings = releases.flatMap((release) => release.warnings);
  const errors = releases.flatMap(({ problem }) => (problem ? [problem] : []));
  return [table(['NAMESPACE', 'RELEASE', 'ACTION', 'CHART', 'THERE NOW'], rows), ...issueLines({ warnings, errors })].join('\n');
}

/** What went wrong, where and what to do, in one line. */
export function issueLine(level: 'warning' | 'error', { message, advice = '' }: Issue): string {
  return `${level}: ${message}${advice === '' ? '' : `; ${advice}`}`;
}
