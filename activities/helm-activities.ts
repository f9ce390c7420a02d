import { Context } from '@temporalio/activity';
import type { HelmActivities } from '../contracts/helm.ts';
import type { HelmRestoreActivities, RestoreReleaseTask } from '../contracts/helm-restore.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { adoptRelease, type Adoption } from './helm/adopt-release.ts';
import { exportCharts } from './helm/export-charts.ts';
import { installRelease, leftRelease } from './helm/install-release.ts';
import { destination, planReleases } from './helm/plan-releases.ts';
import { restorableReleases } from './helm/restorable-releases.ts';
import { withPulse, type Pulse } from './heartbeat.ts';

/** For a last look after a cancellation. */
const LOOK_MS = 10_000;

export function helmActivities(dependencies: ActivityDependencies): HelmActivities & HelmRestoreActivities {
  return {
    exportCharts: (input) =>
      withPulse(async (pulse) => {
        const work = { repository: await dependencies.repository(input.location), charts: await dependencies.charts() };
        return exportCharts(work, input, pulse);
      }),
    planReleases: (input) =>
      withPulse(async (pulse) => {
        // Without Helm nothing could be done: that is known before anything is.
        if (!input.options.adopt) await dependencies.helm(input.cluster, pulse);
        const charts = await dependencies.charts();
        const cluster = await dependencies.cluster(input.cluster);
        const repository = await dependencies.repository(input.location);
        const { manifest } = await repository.findBackup(input.backup);
        const wanted = { names: input.releases, namespace: input.namespace };
        const restorables = await restorableReleases({ repository, manifest, charts }, wanted, pulse);
        const planning = { cluster, charts, restorables, options: input.options, runId: runId() };
        return { releases: await planReleases(planning, pulse.signal) };
      }),
    installRelease: (task) =>
      withPulse(async (pulse) => {
        const { options, cluster } = task.restore;
        const adoption = await unadopted(dependencies, task, pulse);
        try {
          return { restored: await installRelease({ ...adoption, helm: await dependencies.helm(cluster, pulse), options }, pulse) };
        } catch (error) {
          if (Context.current().cancellationDetails?.cancelRequested !== true) throw error;
          const { place, restorable } = adoption;
          return { left: await leftRelease(place, restorable.kind, AbortSignal.timeout(LOOK_MS)) };
        }
      }),
    adoptRelease: (task) =>
      withPulse(async (pulse) => ({ restored: await adoptRelease(await unadopted(dependencies, task, pulse), pulse) })),
  };
}

/** A release of the backup, and where it comes to. */
async function unadopted(dependencies: ActivityDependencies, { restore, release }: RestoreReleaseTask, pulse: Pulse): Promise<Adoption> {
  const charts = await dependencies.charts();
  const repository = await dependencies.repository(restore.location);
  const { manifest } = await repository.findBackup(restore.backup);
  const [restorable] = await restorableReleases(
    { repository, manifest, charts },
    { names: [release.name], namespace: release.namespace },
    pulse,
  );
  if (!restorable) throw new Error(`release ${release.namespace}/${release.name} is not in the backup any more`);
  const cluster = await dependencies.cluster(restore.cluster);
  return { place: { cluster, ...destination(release, restore.options) }, charts, restorable, runId: runId() };
}

function runId(): string {
  return Context.current().info.workflowExecution?.runId ?? '';
}
