import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CapturedKind } from '../../contracts/manifest.ts';
import { mergeKinds } from '../../domain/backup/captured-kinds.ts';
import { endsSegment, SEGMENT_BYTES } from '../../domain/backup/segmenter.ts';
import { stretches } from '../../domain/restore/stretches.ts';
import { addReports, MAX_DIFFERENCES, NOTHING_COMPARED } from '../../domain/restore/reports.ts';

function segmentsOf(names: readonly string[]): readonly string[] {
  const segments: string[][] = [[]];
  for (const name of names) {
    segments.at(-1)?.push(name);
    if (endsSegment(name, (segments.at(-1)?.length ?? 0) * 1_500)) segments.push([]);
  }
  return segments.filter((segment) => segment.length > 0).map((segment) => segment.join());
}

describe('segmenter', () => {
  it('leaves most segments as they were when one object comes or goes', () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `config-${index}`).sort();
    const before = new Set(segmentsOf(names));
    const after = segmentsOf(names.filter((_, index) => index !== 2_500));
    const changed = after.filter((segment) => !before.has(segment)).length;
    expect(changed).toBeLessThanOrEqual(2);
    expect(after.length).toBeGreaterThan(200);
  });
  it('ends no segment before it is worth storing, and every one before it is too large', () => {
    fc.assert(fc.property(fc.string(), (name) => !endsSegment(name, SEGMENT_BYTES.min - 1) && endsSegment(name, SEGMENT_BYTES.max)));
  });
});

const kind = (resource: string, count: number, more: Partial<CapturedKind> = {}): CapturedKind => ({
  type: { group: '', version: 'v1', kind: resource, resource, namespaced: true },
  count,
  bytes: count * 10,
  revision: '100',
  ...more,
});

describe('mergeKinds', () => {
  it('sums kind by kind and does not depend on the order', () => {
    const kinds = fc
      .array(fc.record({ resource: fc.constantFrom('a', 'b', 'c'), count: fc.nat(100) }))
      .map((list) => list.map(({ resource, count }) => kind(resource, count)));
    fc.assert(
      fc.property(kinds, kinds, (a, b) => {
        const [ab, ba] = [mergeKinds(a, b), mergeKinds(b, a)];
        expect(ab).toEqual(ba);
        const total = (list: readonly CapturedKind[]) => list.reduce((sum, { count }) => sum + count, 0);
        expect(total(ab)).toBe(total(a) + total(b));
      }),
    );
  });
  it('keeps the reason for leaving the revision, and the later revision', () => {
    const [merged] = mergeKinds([kind('a', 1)], [kind('a', 1, { revision: '200', fallbackReason: 'compacted' })]);
    expect(merged).toMatchObject({ count: 2, revision: '200', fallbackReason: 'compacted' });
  });
});

describe('stretches', () => {
  it('holds every batch once, in order, and no more objects than asked unless one batch alone has more', () => {
    const batch = fc.nat(900).map((objects) => ({ wave: 1, from: 0, segments: 1, objects }));
    fc.assert(
      fc.property(fc.array(batch), (batches) => {
        const groups = stretches(batches, 1_000);
        expect(groups.flat()).toEqual(batches);
        for (const group of groups) expect(group.length === 1 || group.reduce((sum, { objects }) => sum + objects, 0) <= 1_000).toBe(true);
      }),
    );
  });
});

describe('verification reports', () => {
  it('add up, and list no more than they may while counting all', () => {
    const difference = { object: { apiVersion: 'v1', kind: 'X', namespace: '', name: 'x' }, kind: 'missing', fields: [] } as const;
    const one = { equal: false, compared: 1, differences: [difference], differenceCount: 1, excluded: 0 };
    let sum = NOTHING_COMPARED;
    for (let index = 0; index < MAX_DIFFERENCES + 50; index += 1) sum = addReports(sum, one);
    expect(sum).toMatchObject({ equal: false, compared: MAX_DIFFERENCES + 50, differenceCount: MAX_DIFFERENCES + 50 });
    expect(sum.differences).toHaveLength(MAX_DIFFERENCES);
  });
});
