import type { CapturedRelease } from '../../contracts/helm.ts';
import type { Issue } from '../../contracts/outcome.ts';
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

export interface RestoredRelease {
  readonly namespace: string;
  readonly name: string;
  readonly action: 'installed' | 'upgraded' | 'adopted';
  readonly revision: number;
  readonly status: string;
  readonly chart: string;
  /** When adopted: its objects, those of them that got Helm's marks, and records that were written. */
  readonly objects?: number;
  readonly marked?: number;
  readonly records?: number;
}

export function restoredText(releases: readonly RestoredRelease[]): string {
  const rows = releases.map(({ namespace, name, action, revision, status, chart }) => [
    namespace,
    name,
    action,
    String(revision),
    status,
    chart,
  ]);
  return table(['NAMESPACE', 'RELEASE', 'ACTION', 'REVISION', 'STATUS', 'CHART'], rows);
}

/** What went wrong, where and what to do, in one line. */
export function issueLine(level: 'warning' | 'error', { message, advice = '' }: Issue): string {
  return `${level}: ${message}${advice === '' ? '' : `; ${advice}`}`;
}
