import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyRetention, type RecoveryPoint } from '../../../domain/retention/retention.ts';
import { anyPoints, anyPolicy, kept, NOW, point } from './samples.ts';

const RUNS = { numRuns: 300 };
const groupOf = ({ cluster, schedule }: RecoveryPoint) => `${cluster.uid}/${schedule ?? ''}`;
const isPast = ({ completedAt }: RecoveryPoint) => Date.parse(completedAt) <= Date.parse(NOW);
const newestFirst = (a: RecoveryPoint, b: RecoveryPoint) =>
  Date.parse(b.completedAt) - Date.parse(a.completedAt) || b.sequence - a.sequence;

describe('whatever the backups and the policy', () => {
  it('never removes a held one, one of the future, or the last good one of a group', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, (points, policy) => {
        const stays = new Set(kept(points, policy));
        for (const one of points) if (one.held !== undefined || !isPast(one)) expect(stays.has(one.name)).toBe(true);
        for (const group of new Set(points.map(groupOf))) {
          const [last] = points.filter((one) => groupOf(one) === group && one.phase === 'Completed' && isPast(one)).sort(newestFirst);
          if (last) expect(stays.has(last.name)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('decides about each once, with reasons, newest first', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, (points, policy) => {
        const decisions = applyRetention(points, policy, NOW);
        expect(decisions.map((decision) => decision.point)).toEqual([...points].sort(newestFirst));
        expect(decisions.every(({ reasons }) => reasons.length > 0 && reasons.every((reason) => reason !== ''))).toBe(true);
      }),
      RUNS,
    );
  });

  it('removes nothing when applied to what it has kept', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, (points, policy) => {
        const first = new Set(kept(points, policy));
        const rest = points.filter(({ name }) => first.has(name));
        expect(new Set(kept(rest, policy))).toEqual(first);
      }),
      RUNS,
    );
  });

  it('does not depend on the order of the list', () => {
    const shuffled = anyPoints.chain((points) => fc.tuple(fc.constant(points), fc.shuffledSubarray(points, { minLength: points.length })));
    fc.assert(
      fc.property(shuffled, anyPolicy, ([points, others], policy) => {
        expect(applyRetention(others, policy, NOW)).toEqual(applyRetention(points, policy, NOW));
      }),
      RUNS,
    );
  });

  it('keeps at least the newest N good ones of each group by keepLast N', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, fc.integer({ min: 1, max: 10 }), (points, policy, keepLast) => {
        const stays = new Set(kept(points, { ...policy, keepLast }));
        for (const group of new Set(points.map(groupOf))) {
          const good = points.filter((one) => groupOf(one) === group && one.phase === 'Completed' && isPast(one)).sort(newestFirst);
          expect(good.slice(0, keepLast).every(({ name }) => stays.has(name))).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('keeps at least as much by a larger number', () => {
    const rule = fc.constantFrom('keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly');
    const number = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(anyPoints, anyPolicy, fc.tuple(rule, number, number), (points, policy, [name, count, more]) => {
        const larger = new Set(kept(points, { ...policy, [name]: count + more }));
        expect(kept(points, { ...policy, [name]: count }).every((one) => larger.has(one))).toBe(true);
      }),
      RUNS,
    );
  });

  it('keeps at least as much by a rule more, as long as there was one', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, anyPolicy, (points, policy, added) => {
        const base = { keepLast: 1, ...policy, timeZone: 'UTC' };
        const more = new Set(kept(points, { ...added, ...base }));
        expect(kept(points, base).every((one) => more.has(one))).toBe(true);
      }),
      RUNS,
    );
  });

  it('keeps a new good backup, and because of it nothing that would have gone before', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, (points, policy) => {
        const before = new Set(kept(points, policy));
        const latest = point(NOW, { name: 'new', sequence: 999, cluster: { uid: 'u1', name: 'one' } });
        const after = kept([...points, latest], policy);
        expect(after).toContain('new');
        expect(after.filter((name) => name !== 'new' && !before.has(name))).toEqual([]);
      }),
      RUNS,
    );
  });

  it('removes as time goes by, and never takes back', () => {
    fc.assert(
      fc.property(anyPoints, anyPolicy, fc.nat(400), (points, policy, days) => {
        const past = points.filter(isPast);
        const earlier = new Set(kept(past, policy));
        const later = kept(past, policy, new Date(Date.parse(NOW) + days * 86_400_000).toISOString());
        expect(later.every((name) => earlier.has(name))).toBe(true);
      }),
      RUNS,
    );
  });
});
