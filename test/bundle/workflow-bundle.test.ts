import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as workflows from '../../workflows/index.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';

/** Grows only with thought: every worker loads it for every cached workflow. */
const BUDGET_BYTES = 2_500_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-bundle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the workflow bundle', () => {
  it('builds, fits its budget and holds neither Node nor an adapter', async () => {
    const { code } = await workflowBundle(folder);
    expect(code.length).toBeLessThan(BUDGET_BYTES);
    for (const banned of ['node:fs', 'undici', '@aws-sdk', 'age-encryption', 'node:crypto'])
      expect(code).not.toContain(`require("${banned}")`);
    expect(code).toContain('backupProject');
  }, 60_000);

  it('is built once for the same sources', async () => {
    const first = await workflowBundle(folder);
    const again = await workflowBundle(folder);
    expect(again.code).toBe(first.code);
    expect(await readdir(folder)).toHaveLength(1);
  }, 60_000);

  it('exports exactly the workflows that Holdfast has', () => {
    expect(Object.keys(workflows).sort()).toEqual([
      ...['backupEtcd', 'backupProject', 'copyRepository', 'importCommit', 'restoreProject', 'restoreReleases', 'runSchedule', 'syncGit'],
    ]);
  });
});
