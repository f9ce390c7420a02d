import type {
  HelmRestoreActivities,
  PlannedRelease,
  ReleaseId,
  RestoredRelease,
  RestoreReleasesInput,
} from '../../contracts/helm-restore.ts';

export const RELEASES: RestoreReleasesInput = {
  cluster: 'c',
  location: 'l',
  backup: 'b',
  releases: ['web', 'shop'],
  namespace: '',
  options: { adopt: false, waitUntilReady: true, timeoutMs: 60_000 },
};

export function plannedRelease(name: string): PlannedRelease {
  const release = { namespace: 'a', name };
  return { from: release, to: release, action: 'install', chart: `${name}-1.0.0`, there: '', warnings: [] };
}

export function restoredRelease({ namespace, name }: ReleaseId): RestoredRelease {
  return { namespace, name, action: 'installed', revision: 1, status: 'deployed', chart: `${name}-1.0.0` };
}

/** Activities around a restore of releases in which everything goes well. */
export function restoreReleasesActivities(): HelmRestoreActivities {
  return {
    planReleases: ({ releases }) => Promise.resolve({ releases: releases.map(plannedRelease) }),
    installRelease: ({ release }) => Promise.resolve({ restored: restoredRelease(release) }),
    adoptRelease: ({ release }) => Promise.resolve({ restored: { ...restoredRelease(release), action: 'adopted' } }),
  };
}
