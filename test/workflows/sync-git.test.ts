import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { HoldfastError } from '../../contracts/failures.ts';
import type { GitSyncOutcome, ImportCommitResult, SyncGitInput, SyncGitResult } from '../../contracts/git.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

const SYNC: SyncGitInput = { cluster: 'c', remote: 'state', selection: SELECT_ALL, source: { live: true } };
const SYNCED: GitSyncOutcome = {
  ...{ remote: 'state', branch: 'c', commit: 'abc', created: 1, changed: 2, deleted: 3, files: 9 },
  ...{ warnings: [], errors: [] },
};
const issue = { code: 'Forbidden', message: 'widgets cannot be listed' };

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const sync = (syncToGit: () => Promise<GitSyncOutcome>): Promise<SyncGitResult> =>
  env.run({ workflow: 'syncGit', input: SYNC, activities: { syncToGit } }, (handle) => handle.result() as Promise<SyncGitResult>);

describe('syncGit', () => {
  it('answers with the commit and its numbers', async () => {
    expect(await sync(() => Promise.resolve(SYNCED))).toMatchObject({ ...SYNCED, phase: 'Completed', steps: [{ step: 'git state' }] });
  });

  it('is partly failed when something could not be read', async () => {
    expect(await sync(() => Promise.resolve({ ...SYNCED, errors: [issue] }))).toMatchObject({ phase: 'PartiallyFailed', errors: [issue] });
  });

  it('tries again where that may help', async () => {
    let attempts = 0;
    const result = await sync(() => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new HoldfastError('Unavailable', 'nobody there')) : Promise.resolve(SYNCED);
    });
    expect(result).toMatchObject({ phase: 'Completed' });
    expect(attempts).toBe(3);
  });

  it('ends at once, with the cause, when the server refuses', async () => {
    let calls = 0;
    const failing = sync(() => {
      calls += 1;
      return Promise.reject(new HoldfastError('Forbidden', 'the server refuses the push'));
    });
    const failure: unknown = await failing.catch((error: unknown) => error);
    expect((failure as WorkflowFailedError).cause as ApplicationFailure).toMatchObject({
      type: 'Forbidden',
      message: 'the server refuses the push',
    });
    expect(calls).toBe(1);
  });
});

describe('importCommit', () => {
  it('answers with the backup that stands for the commit, and what is not in it', async () => {
    const imported = {
      backup: 'git-abc',
      sequence: 4,
      commit: 'abc',
      objects: 2,
      made: true,
      warnings: [{ code: 'SecretLeftOut', message: 'x' }],
    };
    const input = { remote: 'state', commit: 'HEAD', location: 'l', cluster: 'c' };
    const request = { workflow: 'importCommit', input, activities: { importCommit: () => Promise.resolve(imported) } } as const;
    expect(await env.run(request, (handle) => handle.result() as Promise<ImportCommitResult>)).toMatchObject({
      ...imported,
      phase: 'Completed',
      errors: [],
    });
  });
});
