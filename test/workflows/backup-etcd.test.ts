import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { CommitBackupInput, HoldfastActivities } from '../../contracts/activities.ts';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { CapturedEtcd, CaptureEtcdInput } from '../../contracts/etcd.ts';
import type { BackupEtcdInput } from '../../contracts/etcd-backup.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { copyActivities } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const access = { endpoints: ['https://a:2379'] };
const INPUT: BackupEtcdInput = { name: 'b', cluster: 'c', location: 'l', access, labels: { team: 'ops' }, ttlSeconds: 60 };
const ETCD: CapturedEtcd = {
  ...{ clusterId: '1', version: '3.7.3', endpoint: 'https://a:2379', members: [], revision: '42', hash: '7', compactRevision: '-1' },
  ...{ sha256: 'f'.repeat(64), databaseBytes: 10, inUseBytes: 5, quotaBytes: 0, alarms: [], takenAt: '2026-11-23T00:00:00.000Z' },
  snapshot: { name: 'etcd-snapshot', id: 'e'.repeat(64), bytes: 42 },
};
const SIZES = { read: 42, stored: 20, newSegments: 2, knownSegments: 0 };

/** Activities in which all goes well, and the order in which they were called. */
function activities(calls: string[], more: Partial<HoldfastActivities> = {}): Partial<HoldfastActivities> {
  const all: Partial<HoldfastActivities> = {
    planEtcdBackup: () => Promise.resolve({ cluster: { name: 'c', uid: '', version: '' }, afterwards: { lockDays: 0, copyTo: [] } }),
    captureEtcd: () =>
      Promise.resolve({ etcd: ETCD, part: 'part', sizes: SIZES, warnings: [{ code: 'EtcdQuota', message: 'nearly full' }] }),
    verifyStored: () => Promise.resolve({ segments: 1, packs: 1, objects: 0 }),
    commitBackup: () => Promise.resolve({ sequence: 3 }),
    lockBackup: () => Promise.resolve(),
    ...copyActivities(),
    ...more,
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, work]) => [
      name,
      (input: never) => {
        calls.push(name);
        return (work as (given: never) => unknown)(input);
      },
    ]),
  );
}

function run(given: Partial<HoldfastActivities>): Promise<BackupProjectResult> {
  return env.run({ workflow: 'backupEtcd', input: INPUT, activities: given }, (handle) => handle.result() as Promise<BackupProjectResult>);
}

describe('backupEtcd', () => {
  it('streams, reads back, commits a recovery point without objects', async () => {
    const calls: string[] = [];
    const captured: CaptureEtcdInput[] = [];
    const commits: CommitBackupInput[] = [];
    const result = await run(
      activities(calls, {
        captureEtcd: (input) => {
          captured.push(input);
          return Promise.resolve({ etcd: ETCD, part: 'part', sizes: SIZES, warnings: [{ code: 'EtcdQuota', message: 'nearly full' }] });
        },
        commitBackup: (input) => {
          commits.push(input);
          return Promise.resolve({ sequence: 3 });
        },
      }),
    );
    expect(calls).toEqual(['planEtcdBackup', 'captureEtcd', 'verifyStored', 'commitBackup']);
    expect(captured).toMatchObject([{ cluster: 'c', location: 'l', access, runId: expect.stringMatching(/./) }]);
    expect(commits[0]).toMatchObject({
      backup: { name: 'b', labels: { team: 'ops' }, ttlSeconds: 60 },
      plan: { cluster: { name: 'c', uid: '', version: '' }, revision: '42', namespaces: [] },
      parts: ['part'],
      result: { objectCount: 0, kinds: [], etcd: ETCD, sizes: SIZES, phase: 'Completed' },
    });
    expect(result).toMatchObject({ phase: 'Completed', sequence: 3, copies: [], warnings: [{ code: 'EtcdQuota' }], errors: [] });
  });

  it('commits nothing when the snapshot cannot be had or was changed on the way', async () => {
    const calls: string[] = [];
    const captureEtcd = (): Promise<never> => Promise.reject(new HoldfastError('Damaged', 'it was changed'));
    await expect(run(activities(calls, { captureEtcd }))).rejects.toMatchObject({ cause: { type: 'Damaged', message: 'it was changed' } });
    await expect(run(activities(calls, { captureEtcd }))).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(calls).not.toContain('commitBackup');
  });

  it('locks and copies as the location asks for it; what fails there is partly failed', async () => {
    const calls: string[] = [];
    const planEtcdBackup = () =>
      Promise.resolve({ cluster: { name: 'c', uid: 'u', version: 'v1' }, afterwards: { lockDays: 7, copyTo: ['elsewhere'] } });
    const lockBackup = (): Promise<never> => Promise.reject(new HoldfastError('Forbidden', 'no right to lock'));
    const result = await run(activities(calls, { planEtcdBackup, lockBackup }));
    expect(calls.slice(3, 6)).toEqual(['commitBackup', 'lockBackup', 'planCopy']);
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 3, copies: ['elsewhere'], errors: [{ code: 'LockFailed' }] });
  });
});
