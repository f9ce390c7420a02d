import fc from 'fast-check';
import type { RetentionPolicy } from '../../../contracts/retention.ts';
import { applyRetention, type RecoveryPoint } from '../../../domain/retention/retention.ts';

export const NOW = '2026-11-20T12:00:00Z';

/** A good backup of the schedule `nightly`, named by its time. */
export function point(completedAt: string, more: Partial<RecoveryPoint> = {}): RecoveryPoint {
  return {
    name: completedAt,
    sequence: 1,
    completedAt,
    phase: 'Completed',
    cluster: { uid: 'u', name: 'c' },
    schedule: 'nightly',
    ...more,
  };
}

export function partial(completedAt: string, more: Partial<RecoveryPoint> = {}): RecoveryPoint {
  return point(completedAt, { phase: 'PartiallyFailed', ...more });
}

/** Names of what stays, newest first. */
export function kept(points: readonly RecoveryPoint[], policy: RetentionPolicy, now = NOW): string[] {
  return applyRetention(points, policy, now)
    .filter(({ action }) => action === 'keep')
    .map((decision) => decision.point.name);
}

/** Reasons by name. */
export function why(points: readonly RecoveryPoint[], policy: RetentionPolicy, now = NOW): Record<string, readonly string[]> {
  return Object.fromEntries(applyRetention(points, policy, now).map((decision) => [decision.point.name, decision.reasons]));
}

const START = Date.parse('2024-10-01T00:00:00Z');
const MINUTES = (Date.parse(NOW) - START) / 60_000;
const iso = (minutes: number): string => new Date(START + minutes * 60_000).toISOString();

/** A few are in the future of NOW, many share a day, some share a minute. */
const anyTime = fc
  .oneof(fc.nat(Math.floor(MINUTES * 1.02)), fc.integer({ min: Math.floor(MINUTES - 4_000), max: Math.floor(MINUTES) }))
  .map(iso);

export const anyPoints: fc.Arbitrary<RecoveryPoint[]> = fc
  .array(
    fc.record(
      {
        completedAt: anyTime,
        phase: fc.constantFrom('Completed' as const, 'Completed' as const, 'PartiallyFailed' as const),
        cluster: fc.constantFrom({ uid: 'u1', name: 'one' }, { uid: 'u2', name: 'two' }),
        schedule: fc.constantFrom('nightly', 'hourly'),
        held: fc.constantFrom('audit', ''),
        expiresAt: anyTime,
      },
      { requiredKeys: ['completedAt', 'phase', 'cluster'] },
    ),
    { maxLength: 40 },
  )
  .map((points) => points.map((more, index) => ({ ...more, name: `b${String(index)}`, sequence: index + 1 })));

export const anyPolicy: fc.Arbitrary<RetentionPolicy> = fc.record(
  {
    keepLast: fc.integer({ min: 1, max: 8 }),
    keepHourly: fc.integer({ min: 1, max: 8 }),
    keepDaily: fc.integer({ min: 1, max: 8 }),
    keepWeekly: fc.integer({ min: 1, max: 8 }),
    keepMonthly: fc.integer({ min: 1, max: 8 }),
    keepYearly: fc.integer({ min: 1, max: 3 }),
    keepWithin: fc.constantFrom('1h', '36h', '30d', '2w', '1y2m', '3m7d3h'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
  },
  { requiredKeys: [] },
);
