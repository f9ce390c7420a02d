import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import type { HoldfastActivities } from '../../contracts/activities.ts';
import { COPY_STAGES, type CopyBatchInput, type CopyRepositoryResult } from '../../contracts/copy.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { nextStage, NOTHING_COPIED } from '../../domain/copy/totals.ts';
import { copied, COPY, copyActivities } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

function run(activities: Partial<HoldfastActivities>): Promise<CopyRepositoryResult> {
  return env.run({ workflow: 'copyRepository', input: COPY, activities }, (handle) => handle.result() as Promise<CopyRepositoryResult>);
}

describe('copyRepository', () => {
  it('copies stage by stage, each from where the last batch stopped, and adds up what was done', async () => {
    const calls: CopyBatchInput[] = [];
    const result = await run(
      copyActivities({
        copyBatch: (input) => {
          calls.push(input);
          const { cursor } = input;
          if (cursor.stage === 'packs' && cursor.after === '')
            return Promise.resolve(copied(5, { next: { stage: 'packs', after: 'packs/5' } }));
          const next = nextStage(cursor);
          return Promise.resolve(copied(2, next ? { next } : {}));
        },
      }),
    );
    expect(calls.map(({ cursor }) => cursor.stage)).toEqual(['packs', ...COPY_STAGES]);
    expect(calls[1]?.cursor.after).toBe('packs/5');
    expect(calls.every(({ throughSequence, from, to }) => throughSequence === 3 && from === 'l' && to === 'elsewhere')).toBe(true);
    expect(result).toMatchObject({
      from: 'l',
      to: 'elsewhere',
      phase: 'Completed',
      errors: [],
      totals: { copied: 19, bytes: 19_000, failed: 0 },
    });
  });

  it('is partly failed when an object could not be copied, and brings the rest', async () => {
    const damage = { code: 'CopySourceDamaged', message: 'packs/1 is damaged' };
    const result = await run(
      copyActivities({
        copyBatch: ({ cursor }) => {
          const next = nextStage(cursor);
          const batch = cursor.stage === 'packs' ? { totals: { ...NOTHING_COPIED, failed: 1 }, errors: [damage] } : copied(1);
          return Promise.resolve({ ...batch, ...(next ? { next } : {}) });
        },
      }),
    );
    expect(result).toMatchObject({ phase: 'PartiallyFailed', errors: [damage], totals: { copied: 6, failed: 1 } });
  });

  it('fails as the activity says when the other place is not a copy', async () => {
    const failure: unknown = await run(
      copyActivities({ planCopy: () => Promise.reject(new HoldfastError('Conflict', 'another repository is there')) }),
    ).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect((failure as WorkflowFailedError).cause as ApplicationFailure).toMatchObject({
      type: 'Conflict',
      message: 'another repository is there',
    });
  });
});
