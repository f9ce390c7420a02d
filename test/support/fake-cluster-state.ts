import type { CapturedEtcd } from '../../contracts/etcd.ts';
import type { EtcdActivities } from '../../contracts/etcd-backup.ts';
import type { GitActivities } from '../../contracts/git.ts';
import type { CapturedRelease, HelmActivities } from '../../contracts/helm.ts';
import { NO_BYTES } from '../../domain/backup/sizes.ts';

export const ETCD: CapturedEtcd = {
  clusterId: 'c1',
  version: '3.7.3',
  endpoint: 'https://127.0.0.1:2379',
  members: [],
  revision: '123',
  hash: '1',
  compactRevision: '-1',
  sha256: 'a'.repeat(64),
  databaseBytes: 1,
  inUseBytes: 1,
  quotaBytes: 0,
  alarms: [],
  snapshot: { name: 'etcd-snapshot', id: 'b'.repeat(64), bytes: 1 },
  takenAt: '2026-11-23T00:00:00.000Z',
};
export const RELEASE: CapturedRelease = {
  namespace: 'a',
  name: 'shop',
  revision: 2,
  status: 'deployed',
  chart: 'shop',
  version: '1.0.0',
  appVersion: '',
  valuesHash: 'c'.repeat(64),
  pushed: [],
};
export const SYNCED = { branch: 'c', commit: 'd'.repeat(40), created: 1, changed: 0, deleted: 0, files: 1 };

/** Activities around etcd, charts and Git in which everything goes well. */
export function clusterStateActivities(): EtcdActivities & HelmActivities & GitActivities {
  return {
    planEtcdBackup: ({ cluster }) =>
      Promise.resolve({ cluster: { name: cluster, uid: 'u', version: 'v1.37.2' }, afterwards: { lockDays: 0, copyTo: [] } }),
    captureEtcd: () => Promise.resolve({ etcd: ETCD, part: 'part-etcd', sizes: { ...NO_BYTES, stored: 5 }, warnings: [] }),
    exportCharts: () => Promise.resolve({ releases: [RELEASE], part: '', sizes: NO_BYTES, warnings: [], errors: [] }),
    syncToGit: ({ remote }) => Promise.resolve({ ...SYNCED, remote, warnings: [], errors: [] }),
    importCommit: () =>
      Promise.resolve({ backup: 'git-dddddddd', sequence: 8, commit: SYNCED.commit, objects: 1, made: true, warnings: [] }),
  };
}
