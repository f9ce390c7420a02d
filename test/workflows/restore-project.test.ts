import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HoldfastActivities, RecordRestoreInput, RestoreBatch } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Difference, RestoreProjectResult } from '../../contracts/restore.ts';
import { NOTHING_COMPARED } from '../../domain/restore/reports.ts';
import { applied, preparation, RESTORE, restoreActivities } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

function run(activities: Partial<HoldfastActivities>): Promise<RestoreProjectResult> {
  return env.run({ workflow: 'restoreProject', input: RESTORE, activities }, (handle) => handle.result() as Promise<RestoreProjectResult>);
}

const MISSING: Difference = { object: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'a', name: 'x' }, kind: 'missing', fields: [] };

function manyBatches(count: number, objects: number): readonly RestoreBatch[] {
  return Array.from({ length: count }, (_, index) => ({ wave: 1, from: index, segments: 1, objects }));
}

describe('restoreProject', () => {
  it('applies wave after wave, verifies and records', async () => {
    const order: string[] = [];
    const records: RecordRestoreInput[] = [];
    const base = restoreActivities();
    const result = await run({
      ...base,
      prepareRestore: () =>
        Promise.resolve(
          preparation(
            [
              { wave: 1, from: 0, segments: 1, objects: 2 },
              { wave: 2, from: 1, segments: 1, objects: 3 },
            ],
            {
              waves: [
                { wave: 1, title: 'definitions', awaits: 'crds-established' },
                { wave: 2, title: 'the rest', awaits: 'nothing' },
              ],
            },
          ),
        ),
      applyBatch: ({ batch }) => {
        order.push(`apply ${batch.wave}`);
        return Promise.resolve(applied(batch.objects));
      },
      awaitReady: ({ wave }) => {
        order.push(`await ${wave.wave}`);
        return Promise.resolve([]);
      },
      recordRestore: (input) => {
        records.push(input);
        return Promise.resolve();
      },
    });
    expect(order).toEqual(['apply 1', 'await 1', 'apply 2']);
    expect(result).toMatchObject({ phase: 'Completed', failed: 0, verification: { equal: true, compared: 5 } });
    expect(result.counts.create).toBe(5);
    expect(records).toHaveLength(1);
    expect(records[0]?.result).toMatchObject({ name: 'r', backup: 'b', phase: 'Completed' });
  });

  it('adds up what many verifications at once have found', async () => {
    const result = await run(
      restoreActivities({
        prepareRestore: () => Promise.resolve(preparation(manyBatches(20, 1_000))),
        verifyRestored: async ({ batches }) => {
          await new Promise((resolve) => setTimeout(resolve, (batches[0]?.from ?? 0) % 7));
          return { ...NOTHING_COMPARED, compared: batches.reduce((sum, { objects }) => sum + objects, 0) };
        },
      }),
    );
    expect(result.verification.compared).toBe(20_000);
    expect(result.counts.create).toBe(20_000);
  });

  it('is partially failed when verification finds a difference, and lists it', async () => {
    const verification = { equal: false, compared: 5, differences: [MISSING], differenceCount: 1, excluded: 0 };
    const result = await run(restoreActivities({ verifyRestored: () => Promise.resolve(verification) }));
    expect(result).toMatchObject({ phase: 'PartiallyFailed', verification });
  });

  it('goes on after a batch that failed, and says which objects are missing', async () => {
    const result = await run(
      restoreActivities({
        applyBatch: ({ batch }) =>
          batch.wave === 1 ? Promise.reject(new HoldfastError('Damaged', 'pack 12ab is damaged')) : Promise.resolve(applied(batch.objects)),
      }),
    );
    expect(result).toMatchObject({ phase: 'PartiallyFailed', failed: 2 });
    expect(result.errors).toEqual([{ code: 'BatchFailed', message: '2 objects of wave 1: pack 12ab is damaged' }]);
  });

  it('relinks owners of exactly the batches that asked for it', async () => {
    const relinked: number[] = [];
    await run(
      restoreActivities({
        applyBatch: ({ batch }) => Promise.resolve(applied(batch.objects, { unlinked: batch.wave === 2 ? 1 : 0 })),
        relinkOwners: ({ batch }) => {
          relinked.push(batch.from);
          return Promise.resolve(applied(0));
        },
      }),
    );
    expect(relinked).toEqual([1]);
  });

  it('applies what may refuse writes when everything else is written, owner references too, and links its own owners after it', async () => {
    const order: string[] = [];
    const waves = [8, 11, 12].map((wave) => ({ wave, title: `wave ${wave}`, awaits: 'nothing' }) as const);
    const batches = waves.map(({ wave }, from) => ({ wave, from, segments: 1, objects: 1 }));
    const result = await run(
      restoreActivities({
        prepareRestore: () => Promise.resolve(preparation(batches, { waves })),
        applyBatch: ({ batch }) => {
          order.push(`apply ${batch.wave}`);
          return Promise.resolve(applied(1, { unlinked: batch.wave === 11 ? 0 : 1 }));
        },
        relinkOwners: ({ batch }) => {
          order.push(`relink ${batch.wave}`);
          return Promise.resolve(applied(0));
        },
      }),
    );
    expect(order).toEqual(['apply 8', 'apply 11', 'relink 8', 'apply 12', 'relink 12']);
    expect(result.phase).toBe('Completed');
  });

  it('writes nothing when the plan is refused', async () => {
    let written = 0;
    const refused = run(
      restoreActivities({
        prepareRestore: () => Promise.reject(new HoldfastError('Conflict', '2 objects differ')),
        applyBatch: ({ batch }) => {
          written += batch.objects;
          return Promise.resolve(applied(batch.objects));
        },
      }),
    );
    await expect(refused).rejects.toMatchObject({ cause: { type: 'Conflict', message: '2 objects differ' } });
    expect(written).toBe(0);
  });

  it('keeps its history small: ten thousand objects in twenty batches', async () => {
    const activities = restoreActivities({ prepareRestore: () => Promise.resolve(preparation(manyBatches(20, 500))) });
    const events = await env.run({ workflow: 'restoreProject', input: RESTORE, activities }, async (handle) => {
      await handle.result();
      return (await handle.fetchHistory()).events?.length ?? Infinity;
    });
    expect(events).toBeLessThan(500);
  });
});
