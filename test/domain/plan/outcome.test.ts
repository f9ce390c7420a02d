import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RestoreAction } from '../../../contracts/restore.ts';
import type { ActionCounts } from '../../../contracts/restore.ts';
import { addCounts, backupPhase, countAction, emptyCounts, restorePhase } from '../../../domain/plan/outcome.ts';

const counts = fc.record(
  Object.fromEntries(Object.values(RestoreAction).map((action) => [action, fc.nat(100)])),
) as fc.Arbitrary<ActionCounts>;

describe('phases', () => {
  it.each([
    [10, 0, 'Completed'],
    [0, 0, 'Completed'],
    [10, 1, 'PartiallyFailed'],
    [0, 1, 'Failed'],
  ])('a backup of %i objects with %i errors is %s', (objectCount, errors, phase) => {
    expect(backupPhase({ objectCount, errors })).toBe(phase);
  });

  const good = { counts: { ...emptyCounts(), create: 3 }, failed: 0, errors: 0, verified: true };
  it.each([
    [good, 'Completed'],
    [{ ...good, counts: { ...good.counts, skip: 1, refuse: 1, omit: 1 } }, 'Completed'],
    [{ ...good, failed: 1 }, 'PartiallyFailed'],
    [{ ...good, errors: 1 }, 'PartiallyFailed'],
    [{ ...good, verified: false }, 'PartiallyFailed'],
    [{ ...good, counts: { ...good.counts, conflict: 1 } }, 'PartiallyFailed'],
    [{ ...good, counts: emptyCounts(), failed: 1 }, 'Failed'],
    [{ ...good, counts: { ...emptyCounts(), unchanged: 1 }, failed: 1 }, 'PartiallyFailed'],
  ] as const)('a restore with %j is %s', (tally, phase) => {
    expect(restorePhase(tally)).toBe(phase);
  });
});

describe('counts', () => {
  it('start with every action at zero', () => {
    expect(Object.keys(emptyCounts()).sort()).toEqual(Object.values(RestoreAction).sort());
    expect(countAction(countAction(emptyCounts(), 'skip'), 'skip')).toEqual({ ...emptyCounts(), skip: 2 });
  });

  it('add up, whatever the order', () => {
    fc.assert(
      fc.property(counts, counts, counts, (a, b, c) => {
        expect(addCounts(a, b)).toEqual(addCounts(b, a));
        expect(addCounts(addCounts(a, b), c)).toEqual(addCounts(a, addCounts(b, c)));
        expect(addCounts(a, emptyCounts())).toEqual(a);
      }),
    );
  });
});
