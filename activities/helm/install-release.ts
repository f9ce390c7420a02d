import type { LeftRelease, ReleaseRestoreOptions, RestoredRelease } from '../../contracts/helm-restore.ts';
import { chartText, installedOrUpgraded } from '../../domain/helm/release.ts';
import { newest, RUN_MARK, runMark, userLabels } from '../../domain/helm/release-standing.ts';
import { RECORD_NAME_PREFIX, type RecordKind } from '../../domain/helm/stored-record.ts';
import type { Charts, HelmProgram, InstallRequest } from '../../helm/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { liveRecords, type ReleasePlace } from './live-records.ts';
import type { RestorableRelease } from './restorable-releases.ts';
import { settleRelease } from './settle-release.ts';
import { showLife } from './sign-of-life.ts';

export interface Installation {
  readonly place: ReleasePlace;
  readonly charts: Charts;
  readonly helm: HelmProgram;
  readonly restorable: RestorableRelease;
  readonly options: ReleaseRestoreOptions;
  /** Of the workflow: its earlier attempts are known by it. */
  readonly runId: string;
}

/** Installs or upgrades a release with Helm, after what an attempt of ours left in the middle was cleared away. Safe to repeat. */
export async function installRelease(installation: Installation, pulse: Pulse): Promise<RestoredRelease> {
  const { place, charts, helm, restorable } = installation;
  const { runId } = installation;
  const unsettled = { place, charts, captured: restorable.records, kind: restorable.kind, runId, clearsHooks: true };
  const { kind, standing } = await settleRelease(unsettled, pulse);
  const chart = chartText(restorable.release.chart);
  const named = { namespace: place.namespace, name: place.name, chart };
  if (standing.state === 'done') {
    const { description, revision, status } = charts.decode(standing.last);
    return { ...named, action: installedOrUpgraded(description), revision, status };
  }
  const revision = standing.state === 'absent' ? 1 : standing.last.revision + 1;
  const life = showLife(place, { kind, objectName: `${RECORD_NAME_PREFIX}${place.name}.v${revision}` }, pulse);
  try {
    const done = await helm.install(requestOf(installation, { kind, revision }), pulse.signal);
    return { ...named, ...done };
  } finally {
    await life.stop();
  }
}

function requestOf(
  { place, restorable, options, runId }: Installation,
  { kind, revision }: { readonly kind: RecordKind; readonly revision: number },
): InstallRequest {
  const { release, archive, records } = restorable;
  const { chart = archive, timeoutMs, waitUntilReady } = options;
  const captured = records.find((record) => record.revision === release.revision);
  return {
    release: place.name,
    namespace: place.namespace,
    chart,
    version: typeof chart === 'string' && isWithoutVersion(chart) ? release.chart.metadata.version : '',
    values: release.config,
    records: kind,
    labels: { ...(captured ? userLabels(captured) : {}), [RUN_MARK]: runMark(runId, revision) },
    timeoutMs,
    wait: waitUntilReady,
  };
}

/** Of a registry Helm would take the newest version, and that is not what was installed. */
function isWithoutVersion(chart: string): boolean {
  return chart.startsWith('oci://') && !/[:@]/.test(chart.split('/').at(-1) ?? '');
}

/** How a release was left by a run that was cancelled. */
export async function leftRelease(place: ReleasePlace, kind: RecordKind, signal: AbortSignal): Promise<LeftRelease> {
  const last = newest((await liveRecords(place, kind, signal)).records);
  return last ? { status: last.status, revision: last.revision } : { status: '', revision: 0 };
}
