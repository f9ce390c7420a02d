import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { PlannedRelease, ReleaseId, ReleaseRestoreOptions } from '../../contracts/helm-restore.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { chartText, type Release } from '../../domain/helm/release.ts';
import { standingOf, type Standing } from '../../domain/helm/release-standing.ts';
import type { Charts } from '../../helm/port.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { adoptable } from './adopt-release.ts';
import { liveRecords } from './live-records.ts';
import type { RestorableRelease } from './restorable-releases.ts';
import { refuseBusy } from './settle-release.ts';

export interface ReleasePlanning {
  readonly cluster: Cluster;
  readonly charts: Charts;
  readonly restorables: readonly RestorableRelease[];
  readonly options: ReleaseRestoreOptions;
  /** '' when no run is under way. */
  readonly runId: string;
}

/** What would be done with each release. Writes nothing. Fails when none of them can be restored, with the first one's reason. */
export async function planReleases(planning: ReleasePlanning, signal: AbortSignal): Promise<readonly PlannedRelease[]> {
  const planned: PlannedRelease[] = [];
  const refusals: HoldfastError[] = [];
  for (const restorable of planning.restorables) {
    const plan = await planOf(planning, restorable, signal);
    const problem = await refusalOf(planning, { restorable, ...plan }, signal);
    if (problem) refusals.push(problem);
    const { standing: _standing, ...shown } = plan;
    planned.push({ ...shown, ...(problem ? { problem: issueOf(problem) } : {}) });
  }
  const [first] = refusals;
  if (first && refusals.length === planned.length) throw first;
  return planned;
}

/** Where a release of the backup comes to. */
export function destination({ namespace, name }: ReleaseId, { as = name, toNamespace = namespace }: ReleaseRestoreOptions): ReleaseId {
  return { namespace: toNamespace, name: as };
}

interface Plan extends Omit<PlannedRelease, 'problem'> {
  readonly standing: Standing;
}

async function planOf(
  { cluster, options, runId }: ReleasePlanning,
  { release, kind, records, archiveKind }: RestorableRelease,
  signal: AbortSignal,
): Promise<Plan> {
  const from = { namespace: release.namespace, name: release.name };
  const to = destination(from, options);
  const live = await liveRecords({ cluster, ...to }, kind, signal);
  const standing = standingOf(live.records, { runId, captured: records });
  const there = standing.state === 'absent' ? '' : `revision ${standing.last.revision}, ${standing.last.status}`;
  const isRendered = archiveKind === 'rendered' && options.chart === undefined && !options.adopt;
  const warnings = [
    ...(isRendered ? [rendered(release, to)] : []),
    ...(release.status === 'deployed' ? [] : [notDeployed(release)]),
    ...clearing(standing),
  ];
  return { from, to, action: options.adopt ? 'adopt' : actionOn(standing), chart: chartText(release.chart), there, warnings, standing };
}

function actionOn(standing: Standing): 'install' | 'upgrade' {
  if (standing.state === 'absent' || standing.state === 'failed') return 'install';
  return ['uninstalled', 'pending-install'].includes(standing.last.status) ? 'install' : 'upgrade';
}

/** Why it cannot be restored. What may pass (`Unavailable`) is thrown. */
async function refusalOf(
  { cluster, charts, options, runId }: ReleasePlanning,
  { restorable, standing, to }: Plan & { readonly restorable: RestorableRelease },
  signal: AbortSignal,
): Promise<HoldfastError | undefined> {
  try {
    refuseBusy(standing);
    if (options.adopt) await adoptable({ place: { cluster, ...to }, charts, restorable, runId }, signal);
    else assertMovable(restorable, { to, options });
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError && error.type !== FailureType.Unavailable) return error;
    throw error;
  }
}

/** Templates that were rendered have the old name and namespace in them. */
function assertMovable(
  { release, archiveKind }: RestorableRelease,
  { to, options }: { readonly to: ReleaseId; readonly options: ReleaseRestoreOptions },
): void {
  const moves = to.name !== release.name || to.namespace !== release.namespace;
  if (archiveKind === 'source' || !moves || options.chart !== undefined) return;
  throw new HoldfastError(
    FailureType.BadInput,
    `release ${release.namespace}/${release.name} can only be installed where it was: its chart needs charts that Helm does not record`,
    { advice: 'give the chart with --chart, or leave out --as and --to-namespace' },
  );
}

function rendered({ chart }: Release, { namespace, name }: ReleaseId): Issue {
  const { metadata } = chart;
  return {
    code: 'ReleaseRendered',
    message: `release ${namespace}/${name} is installed as it was rendered, since Helm does not record the charts that ${metadata.name} is made of`,
    advice: `\`helm upgrade\` it with the chart ${metadata.name} ${metadata.version} for values to count again`,
  };
}

function notDeployed({ namespace, name, status, revision }: Release): Issue {
  return {
    code: 'ReleaseNotDeployed',
    message: `release ${namespace}/${name} was not deployed when the backup was made: its newest revision, ${revision}, was ${status}`,
  };
}

function clearing(standing: Standing): readonly Issue[] {
  if (standing.state === 'absent' || !['begun', 'failed', 'stale'].includes(standing.state)) return [];
  const { namespace, release, revision, status } = standing.last;
  const whose = standing.state === 'stale' ? 'the backup was made in the middle of it' : 'an earlier restore did not get to its end';
  return [
    {
      code: 'ReleaseUnfinished',
      message: `release ${namespace}/${release} revision ${revision} is ${status}: ${whose}; it is taken away first`,
    },
  ];
}

function issueOf({ type, message, advice }: HoldfastError): Issue {
  return { code: type, message, ...(advice === '' ? {} : { advice }) };
}
