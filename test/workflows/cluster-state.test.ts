import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommitBackupInput, HoldfastActivities } from '../../contracts/activities.ts';
import type { BackupProjectInput, BackupProjectResult } from '../../contracts/backup.ts';
import type { CaptureEtcdInput } from '../../contracts/etcd.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { SyncGitInput } from '../../contracts/git.ts';
import type { ExportChartsInput } from '../../contracts/helm.ts';
import { NO_BYTES } from '../../domain/backup/sizes.ts';
import { BACKUP, backupActivities, plan } from '../support/fake-activities.ts';
import { clusterStateActivities, ETCD, RELEASE, SYNCED } from '../support/fake-cluster-state.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const INPUT: BackupProjectInput = { ...BACKUP, etcd: { controlPlaneFiles: true }, helm: { pushTo: ['museum'] }, git: ['first', 'second'] };

/** A backup with everything, and what its activities were asked for. */
async function backUp(more: Partial<HoldfastActivities> = {}) {
  const etcd: CaptureEtcdInput[] = [];
  const charts: ExportChartsInput[] = [];
  const commits: CommitBackupInput[] = [];
  const syncs: (SyncGitInput & { readonly committed: boolean })[] = [];
  const fakes = clusterStateActivities();
  const activities = backupActivities({
    captureEtcd: (input) => {
      etcd.push(input);
      return fakes.captureEtcd(input);
    },
    exportCharts: (input) => {
      charts.push(input);
      return fakes.exportCharts(input);
    },
    syncToGit: (input) => {
      syncs.push({ ...input, committed: commits.length === 1 });
      return fakes.syncToGit(input);
    },
    commitBackup: (input) => {
      commits.push(input);
      return Promise.resolve({ sequence: 7 });
    },
    ...more,
  });
  const result = await env.run(
    { workflow: 'backupProject', input: INPUT, activities },
    (handle) => handle.result() as Promise<BackupProjectResult>,
  );
  return { result, etcd, charts, commits, syncs };
}

describe('a backup with etcd, charts and Git', () => {
  it('has etcd and charts in what it commits, and brings Git to the committed state', async () => {
    const { result, etcd, charts, commits, syncs } = await backUp();
    expect(result).toMatchObject({ phase: 'Completed', errors: [], etcd: ETCD, releases: [RELEASE] });
    expect(etcd).toMatchObject([{ cluster: 'c', location: 'l', controlPlaneFiles: true }]);
    expect(charts).toMatchObject([{ location: 'l', pushTo: ['museum'], parts: expect.arrayContaining(['part-configmaps-1']) }]);
    expect(commits).toHaveLength(1);
    expect(commits[0]?.result).toMatchObject({ etcd: ETCD, releases: [RELEASE] });
    expect(commits[0]?.parts).toEqual(expect.arrayContaining(['part-etcd', 'part-configmaps-1', 'part-secrets-1']));
    expect(commits[0]?.parts).toHaveLength(3);
    const source = { backup: { location: 'l', sequence: 7 } };
    expect(syncs).toEqual(
      ['first', 'second'].map((remote) => ({ cluster: 'c', remote, selection: plan().selection, source, committed: true })),
    );
    expect(result.git?.map(({ remote }) => remote)).toEqual(['first', 'second']);
    expect(result.steps.map(({ step }) => step)).toEqual([
      ...['plan', 'capture', 'etcd', 'charts', 'verify', 'commit'],
      ...['git first', 'git second'],
    ]);
  });

  it('is there without what failed, and says what is missing', async () => {
    const refuse = (what: string) => (): Promise<never> => Promise.reject(new HoldfastError('Forbidden', `${what} refuses`));
    const { result, commits } = await backUp({
      captureEtcd: refuse('etcd'),
      exportCharts: refuse('the registry'),
      syncToGit: ({ remote }) =>
        remote === 'first' ? refuse('the remote')() : Promise.resolve({ ...SYNCED, remote, warnings: [], errors: [] }),
    });
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 7, objectCount: 2 });
    expect(result.errors.map(({ code }) => code)).toEqual(['EtcdFailed', 'ChartsFailed', 'GitFailed']);
    expect(result.errors.map(({ message }) => message)).toEqual([
      'no snapshot of etcd: etcd refuses',
      'charts are not kept: the registry refuses',
      '"first" is not brought up to date: the remote refuses',
    ]);
    expect(commits[0]?.result).not.toHaveProperty('etcd');
    expect(result.git?.map(({ remote }) => remote)).toEqual(['second']);
  });

  it('keeps the releases of which some charts could not be rebuilt, and is partly failed', async () => {
    const error = { code: 'ChartLost', message: 'a/shop: its record is cut short' };
    const { result } = await backUp({
      exportCharts: () => Promise.resolve({ releases: [RELEASE], part: 'p', sizes: NO_BYTES, warnings: [], errors: [error] }),
    });
    expect(result).toMatchObject({ phase: 'PartiallyFailed', errors: [error], releases: [RELEASE] });
  });
});
