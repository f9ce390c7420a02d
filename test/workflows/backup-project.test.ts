import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { QUERY_LOG, QUERY_PROGRESS, type BackupProgress, type BackupProjectResult, type RunLog } from '../../contracts/backup.ts';
import type { CaptureInput, CommitBackupInput, HoldfastActivities, LockBackupInput } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { BACKUP, backupActivities, captured, CONFIG_MAPS, copyActivities, cursor, plan, SECRETS } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

function run(activities: Partial<HoldfastActivities>): Promise<BackupProjectResult> {
  return env.run({ workflow: 'backupProject', input: BACKUP, activities }, (handle) => handle.result() as Promise<BackupProjectResult>);
}

describe('backupProject', () => {
  it('captures every task batch by batch, verifies, then commits all parts once', async () => {
    const calls: CaptureInput[] = [];
    const commits: CommitBackupInput[] = [];
    const result = await run(
      backupActivities({
        captureResources: (input) => {
          calls.push(input);
          const [type = CONFIG_MAPS] = input.cursor.types;
          const more =
            type.resource === 'secrets' && input.cursor.continueToken === '' ? { next: { ...input.cursor, continueToken: 'page-2' } } : {};
          return Promise.resolve(captured(type, 10, { part: `part-${calls.length}`, ...more }));
        },
        commitBackup: (input) => {
          commits.push(input);
          return Promise.resolve({ sequence: 7 });
        },
      }),
    );
    expect(result).toMatchObject({ phase: 'Completed', sequence: 7, objectCount: 30, revision: '100', errors: [], warnings: [] });
    expect(result.kinds.map(({ type, count }) => [type.resource, count])).toEqual([
      ['configmaps', 10],
      ['secrets', 20],
    ]);
    expect(result.sizes).toEqual({ read: 3_000, stored: 300, newSegments: 3, knownSegments: 0 });
    expect(calls.map(({ cursor: { continueToken } }) => continueToken).sort()).toEqual(['', '', 'page-2']);
    expect(commits).toHaveLength(1);
    expect([...(commits[0]?.parts ?? [])].sort()).toEqual(['part-1', 'part-2', 'part-3']);
    expect(result.steps.map(({ step }) => step)).toEqual(['plan', 'capture', 'verify', 'commit']);
  });

  it('goes on without a kind that cannot be captured, and says so', async () => {
    const result = await run(
      backupActivities({
        captureResources: ({ cursor: { types } }) =>
          types[0]?.resource === 'secrets'
            ? Promise.reject(new HoldfastError('Forbidden', 'secrets: forbidden'))
            : Promise.resolve(captured(CONFIG_MAPS, 3)),
      }),
    );
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 7, objectCount: 3 });
    expect(result.errors).toEqual([{ code: 'CaptureFailed', message: 'secrets: secrets: forbidden' }]);
  });

  it('commits nothing when nothing could be captured', async () => {
    let committed = false;
    const result = await run(
      backupActivities({
        captureResources: () => Promise.reject(new HoldfastError('Forbidden', 'forbidden')),
        commitBackup: () => {
          committed = true;
          return Promise.resolve({ sequence: 1 });
        },
      }),
    );
    expect(result.phase).toBe('Failed');
    expect(result.sequence).toBeUndefined();
    expect(committed).toBe(false);
  });

  it('locks and copies what is committed, as the location asks for, and names what failed of it', async () => {
    const locks: LockBackupInput[] = [];
    const planned = () => Promise.resolve(plan({ afterwards: { lockDays: 30, copyTo: ['near', 'far'] } }));
    const before = Date.now();
    const result = await run({
      ...copyActivities({
        planCopy: ({ to }) =>
          to === 'far' ? Promise.reject(new HoldfastError('Conflict', 'far is not a copy')) : Promise.resolve({ throughSequence: 7 }),
      }),
      ...backupActivities({
        planBackup: planned,
        lockBackup: (input) => {
          locks.push(input);
          return Promise.resolve();
        },
      }),
    });
    expect(locks).toMatchObject([{ location: 'l', sequence: 7 }]);
    expect(Date.parse(locks[0]?.until ?? '') - before).toBeGreaterThanOrEqual(30 * 86_400_000);
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 7, copies: ['near'] });
    expect(result.errors).toEqual([
      { code: 'CopyFailed', message: 'no copy in "far": far is not a copy', advice: '`holdfast backup copy --to far` goes on' },
    ]);
  });

  it('fails with the failure of its own activity, not with the words of Temporal', async () => {
    const failed = run(
      backupActivities({ planBackup: () => Promise.reject(new HoldfastError('BadInput', 'no such kind', { advice: 'look again' })) }),
    );
    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    const cause = (error as WorkflowFailedError).cause as ApplicationFailure;
    expect([cause.type, cause.message]).toEqual(['BadInput', 'no such kind; look again']);
  });

  it('does not commit what verification found missing', async () => {
    let committed = false;
    const failed = run(
      backupActivities({
        verifyStored: () => Promise.reject(new HoldfastError('Damaged', 'a pack is missing')),
        commitBackup: () => {
          committed = true;
          return Promise.resolve({ sequence: 1 });
        },
      }),
    );
    await expect(failed).rejects.toMatchObject({ cause: { message: 'a pack is missing' } });
    expect(committed).toBe(false);
  });

  it('tries an unavailable server again', async () => {
    let attempts = 0;
    const result = await run(
      backupActivities({
        planBackup: () => {
          attempts += 1;
          return attempts < 3 ? Promise.reject(new HoldfastError('Unavailable', 'no connection')) : Promise.resolve(plan());
        },
      }),
    );
    expect([attempts, result.phase]).toEqual([3, 'Completed']);
  });

  it('takes related objects along when the plan says so, and only then', async () => {
    const parts: (readonly string[])[] = [];
    const activities = backupActivities({
      planBackup: () => Promise.resolve(plan({ followReferences: true, tasks: [cursor(CONFIG_MAPS)] })),
      captureRelated: (input) => {
        parts.push(input.parts);
        return Promise.resolve(captured(SECRETS, 2));
      },
    });
    const result = await run(activities);
    expect(parts).toEqual([['part-configmaps-1']]);
    expect(result.objectCount).toBe(3);
  });

  it('answers queries while it runs and after', async () => {
    const gate = Promise.withResolvers<undefined>();
    const activities = backupActivities({
      captureResources: async ({ cursor: { types } }) => {
        if (types[0]?.resource === 'secrets') await gate.promise;
        return captured(types[0] ?? CONFIG_MAPS, 5);
      },
    });
    await env.run({ workflow: 'backupProject', input: BACKUP, activities }, async (handle) => {
      let seen: BackupProgress;
      do seen = await handle.query<BackupProgress>(QUERY_PROGRESS);
      while (seen.tasksDone < 1);
      expect(seen).toMatchObject({ phase: 'Running', step: 'capture', objectsDone: 5, tasksDone: 1, tasksTotal: 2 });
      gate.resolve(undefined);
      await handle.result();
      expect(await handle.query<BackupProgress>(QUERY_PROGRESS)).toMatchObject({ phase: 'Completed', objectsDone: 10 });
      const log = await handle.query<RunLog>(QUERY_LOG);
      expect(log.map(({ message }) => message)).toContain('1 namespaces at revision 100');
    });
  });

  it('ends when it is cancelled, and commits nothing', async () => {
    let committed = false;
    const started = Promise.withResolvers<undefined>();
    const activities = backupActivities({
      captureResources: async () => {
        started.resolve(undefined);
        const { Context } = await import('@temporalio/activity');
        Context.current().heartbeat();
        await Context.current().sleep('1h');
        return captured(CONFIG_MAPS, 1);
      },
      commitBackup: () => {
        committed = true;
        return Promise.resolve({ sequence: 1 });
      },
    });
    await env.run({ workflow: 'backupProject', input: BACKUP, activities }, async (handle) => {
      await started.promise;
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect((await handle.describe()).status.name).toBe('CANCELLED');
    });
    expect(committed).toBe(false);
  });
});
