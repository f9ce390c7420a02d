import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { AdoptedRelease } from '../activities/helm/adopt-release.ts';
import type { PushOutcome } from '../activities/helm/push-charts.ts';
import type { RestorableRelease } from '../activities/helm/restorable-releases.ts';
import type { Survey } from '../activities/helm/survey-releases.ts';
import type { InstalledRelease, InstallRequest } from '../helm/helm-command.ts';
import type { ChartArchive } from '../helm/port.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Repository } from '../repository/repository.ts';
import { loadConfiguration } from './configuration.ts';
import { readRepositorySettings, type ChartRepositorySettings } from './chart-settings.ts';
import type { KubeconfigContext } from './dependencies.ts';

export type { RestorableRelease, Survey };

/** What Helm releases need. */
export interface HelmServices extends Pick<ActivityDependencies, 'charts'> {
  readonly helm: {
    /** The releases of a backup, or of a cluster as it is now; in these namespaces, all when there are none. */
    survey(source: ReleaseSource, namespaces: readonly string[], signal: AbortSignal): Promise<Survey>;
    push(
      request: { readonly archives: readonly ChartArchive[]; readonly pushTo: readonly string[] },
      signal: AbortSignal,
    ): Promise<PushOutcome>;
    restorable(backup: BackupName, wanted: WantedReleases, signal: AbortSignal): Promise<readonly RestorableRelease[]>;
    /** With Helm itself. */
    install(cluster: string, request: InstallRequest, signal: AbortSignal): Promise<InstalledRelease>;
    adopt(cluster: string, what: { restorable: RestorableRelease; namespace: string }, signal: AbortSignal): Promise<AdoptedRelease>;
  };
}

interface BackupName {
  readonly location: string;
  readonly backup: string;
}

type ReleaseSource = BackupName | { readonly cluster: string };

interface WantedReleases {
  readonly names: readonly string[];
  /** '' for any. */
  readonly namespace: string;
}

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
    helm: {
      survey: async (source, namespaces, signal) => {
        const { recordsOfBackup, recordsOfCluster } = await import('../activities/helm/find-records.ts');
        const { surveyReleases } = await import('../activities/helm/survey-releases.ts');
        if ('cluster' in source) return surveyReleases(await charts(), recordsOfCluster(await cluster(source.cluster), namespaces, signal));
        const opened = await repository(source.location);
        const { manifest } = await opened.findBackup(source.backup);
        return surveyReleases(await charts(), recordsOfBackup(opened, { parts: manifest.parts, namespaces }, { signal }));
      },
      push: async (request, signal) => {
        const { pushCharts } = await import('../activities/helm/push-charts.ts');
        return pushCharts(await charts(), request, { ...never, signal });
      },
      restorable: async ({ location, backup }, wanted, signal) => {
        const { restorableReleases } = await import('../activities/helm/restorable-releases.ts');
        const opened = await repository(location);
        const { manifest } = await opened.findBackup(backup);
        return restorableReleases({ repository: opened, manifest, charts: await charts() }, wanted, signal);
      },
      install: async (name, request, signal) => {
        const { installRelease } = await import('../helm/helm-command.ts');
        const { resolveTools } = await import('../sandbox/resolve-tools.ts');
        const program = (await resolveTools(['helm'], { signal })).get('helm') ?? 'helm';
        return installRelease({ program, ...accessOf(name) }, request, signal);
      },
      adopt: async (name, what, signal) => {
        const { adoptRelease } = await import('../activities/helm/adopt-release.ts');
        return adoptRelease({ cluster: await cluster(name), charts: await charts(), ...what }, signal);
      },
    },
  };
}
