import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BackupPlan } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { startTimeSkippingTemporal, type TimeSkipping } from '../support/time-skipping.ts';

const SECRETS: ResourceType = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };
const PLAN: BackupPlan = {
  cluster: { name: 'c', uid: 'u', version: 'v1.34.0' },
  selection: SELECT_ALL,
  revision: '1',
  namespaces: ['n'],
  tasks: [{ types: [SECRETS], listNamespaces: ['n'], namespaceIndex: 0, continueToken: '', fallbackReason: '' }],
  followReferences: false,
  warnings: [],
  errors: [],
};
const FULL = 'file:///backups: packs/ab: the disk is full';

/** On Temporal's server that skips time: nobody frees the disk. */
describe('a run whose location never takes anything again', () => {
  let temporal: TimeSkipping;

  beforeAll(async () => {
    temporal = await startTimeSkippingTemporal({
      planBackup: () => Promise.resolve(PLAN),
      captureResources: () => Promise.reject(new HoldfastError('Unavailable', FULL, { advice: 'free some space' })),
      verifyStored: () => Promise.resolve({ segments: 0, packs: 0, objects: 0, readBack: 0 }),
    });
  }, 120_000);
  afterAll(() => temporal.stop());

  it('waits for hours, not for days, and ends with the cause and what to do about it', async () => {
    const began = Date.parse(await temporal.now());
    const input = { name: 'never', cluster: 'c', location: 'l', selection: SELECT_ALL };
    const result = await temporal.execute('backupProject', input);
    const hours = (Date.parse(await temporal.now()) - began) / 3_600_000;
    expect(result).toMatchObject({ phase: 'Failed', errors: [{ message: expect.stringContaining(`${FULL}; free some space`) }] });
    expect(hours).toBeGreaterThan(1);
    expect(hours).toBeLessThan(5);
  }, 120_000);
});
