import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { PushOutcome } from '../activities/helm/push-charts.ts';
import type { Survey } from '../activities/helm/survey-releases.ts';
import type { PlannedRelease, RestoreReleasesInput } from '../contracts/helm-restore.ts';
import type { ChartArchive } from '../helm/port.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Repository } from '../repository/repository.ts';
import { loadConfiguration } from './configuration.ts';
import { readRepositorySettings, type ChartRepositorySettings } from './chart-settings.ts';
import type { KubeconfigContext } from './dependencies.ts';

export type { Survey };

/** What Helm releases need. */
export interface HelmServices extends Pick<ActivityDependencies, 'charts' | 'helm'> {
  readonly releases: {
    /** The releases of a backup, or of a cluster as it is now; in these namespaces, all when there are none. */
    survey(source: ReleaseSource, namespaces: readonly string[], signal: AbortSignal): Promise<Survey>;
    push(
      request: { readonly archives: readonly ChartArchive[]; readonly pushTo: readonly string[] },
      signal: AbortSignal,
    ): Promise<PushOutcome>;
    /** What a restore of releases would do. Writes nothing. */
    plan(input: RestoreReleasesInput, signal: AbortSignal): Promise<readonly PlannedRelease[]>;
  };
}

interface BackupName {
  readonly location: string;
  readonly backup: string;
}

/** A cluster with the location whose key values are hashed with; '' for none. */
type ReleaseSource = BackupName | { readonly cluster: string; readonly location: string };

interface HelmAccess {
  readonly accessOf: (cluster: string) => KubeconfigContext;
  readonly cluster: (name: string) => Promise<Cluster>;
  readonly repository: (location: string) => Promise<Repository>;
  readonly settings: readonly ChartRepositorySettings[];
}

export function helmServices({ accessOf, cluster, repository, settings }: HelmAccess): HelmServices {
  const charts: HelmServices['charts'] = async () => {
    const { createCharts } = await import('../helm/charts.ts');
    const known = settings.map(({ name }) => name);
    return createCharts(known, async (name) => {
      const named = (candidates: readonly ChartRepositorySettings[]) => candidates.find((candidate) => candidate.name === name);
      // A worker lives for months: one that was added since it has started is found in the file.
      const found = named(settings) ?? named((await loadConfiguration()).chartRepositories ?? []);
      return found && (await readRepositorySettings(found));
    });
  };
  const never = { beat: () => undefined };
  return {
    charts,
    helm: async (name, building) => {
      const { helmProgram } = await import('../helm/helm-command.ts');
      const { resolveTools } = await import('../sandbox/resolve-tools.ts');
      const options = building
        ? {
            signal: building.signal,
            progress: () => {
              building.beat();
            },
          }
        : {};
      const program = (await resolveTools(['helm'], options)).get('helm') ?? 'helm';
      return helmProgram({ program, ...accessOf(name) });
    },
    releases: {
      survey: async (source, namespaces, signal) => {
        const { recordsOfBackup, recordsOfCluster } = await import('../activities/helm/find-records.ts');
        const { surveyReleases } = await import('../activities/helm/survey-releases.ts');
        const { hashOfValues } = await import('../activities/helm/values-hash.ts');
        if ('cluster' in source) {
          const hash = source.location === '' ? () => '' : hashOfValues(await repository(source.location));
          return surveyReleases(await charts(), recordsOfCluster(await cluster(source.cluster), { namespaces }, signal), hash);
        }
        const opened = await repository(source.location);
        const { manifest } = await opened.findBackup(source.backup);
        const records = recordsOfBackup(opened, { parts: manifest.parts, namespaces }, { signal });
        return surveyReleases(await charts(), records, hashOfValues(opened));
      },
      push: async (request, signal) => {
        const { pushCharts } = await import('../activities/helm/push-charts.ts');
        return pushCharts(await charts(), request, { ...never, signal });
      },
      plan: async ({ cluster: name, location, backup, releases, namespace, options }, signal) => {
        const { restorableReleases } = await import('../activities/helm/restorable-releases.ts');
        const { planReleases } = await import('../activities/helm/plan-releases.ts');
        const opened = await repository(location);
        const { manifest } = await opened.findBackup(backup);
        const source = { repository: opened, manifest, charts: await charts() };
        const restorables = await restorableReleases(source, { names: releases, namespace }, { signal });
        return planReleases({ cluster: await cluster(name), charts: source.charts, restorables, options, runId: '' }, signal);
      },
    },
  };
}
