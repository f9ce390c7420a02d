import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { RetentionPolicy } from '../../contracts/retention.ts';
import { parseInstant } from '../time/instant.ts';
import { before } from './period.ts';
import { periodLabel, type PeriodRule } from './calendar-periods.ts';
import { checkPolicy, COUNT_RULES, type CheckedPolicy } from './policy.ts';

/** What retention looks at: one backup that is there and whose manifest can be read. */
export interface RecoveryPoint {
  readonly name: string;
  /** Its place in the chain; decides between equal times. */
  readonly sequence: number;
  /** ISO-8601. */
  readonly completedAt: string;
  readonly phase: 'Completed' | 'PartiallyFailed';
  readonly cluster: { readonly uid: string; readonly name: string };
  /** The schedule that made it; absent when made by hand. */
  readonly schedule?: string;
  /** Why it is held; absent when it is not. */
  readonly held?: string;
  /** End of its time to live, ISO-8601. */
  readonly expiresAt?: string;
}

export interface RetentionDecision<Point extends RecoveryPoint = RecoveryPoint> {
  readonly point: Point;
  readonly action: 'keep' | 'remove';
  /** Every rule that keeps it, or why none does; for people. Never empty. */
  readonly reasons: readonly string[];
}

interface Dated<Point> {
  readonly point: Point;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly reasons: string[];
}

/**
 * Decides for every backup whether it stays, newest first; docs/schedules-and-retention.md is the specification. Each group of cluster and
 * schedule is judged by itself; the order of the list does not matter. `BadInput` for a wrong policy or `now`.
 */
export function applyRetention<Point extends RecoveryPoint>(
  points: readonly Point[],
  policy: RetentionPolicy,
  now: string,
): RetentionDecision<Point>[] {
  const checked = checkPolicy(policy);
  const nowMs = parseInstant(now);
  if (nowMs === undefined) throw new HoldfastError(FailureType.BadInput, `retention: "${now}" is not a time`);
  const groups = groupBy(points, ({ cluster, schedule }) => JSON.stringify([cluster.uid, schedule ?? null]));
  const decisions = [...groups.values()].flatMap((group) => judgeGroup(group, checked, nowMs));
  return decisions
    .sort((a, b) => newerFirst(a.time, b.time) || b.decision.point.sequence - a.decision.point.sequence)
    .map(({ decision }) => decision);
}

function judgeGroup<Point extends RecoveryPoint>(
  group: readonly Point[],
  policy: CheckedPolicy,
  now: number,
): { readonly time: number; readonly decision: RetentionDecision<Point> }[] {
  const all = group.map((point): Dated<Point> => ({ point, time: parseInstant(point.completedAt) ?? Infinity, reasons: [] }));
  const past = all.filter(({ time }) => time <= now).sort((a, b) => newerFirst(a.time, b.time) || b.point.sequence - a.point.sequence);
  for (const { point, reasons } of all) if (point.held !== undefined) reasons.push(point.held === '' ? 'held' : `held: ${point.held}`);
  const lastGood = past.find(isGood);
  lastGood?.reasons.push(lastGoodReason(lastGood.point));
  for (const { time, reasons } of all)
    if (time > now) reasons.push(time === Infinity ? 'its time cannot be read' : 'its time is in the future');
  applyRules(past, policy);
  return all.map(({ point, time, reasons }) => ({ time, decision: decide({ point, reasons }, policy, now) }));
}

/** Adds the reasons that the policy's rules give; `points` are one group, newest first. */
function applyRules<Point extends RecoveryPoint>(points: readonly Dated<Point>[], policy: CheckedPolicy): void {
  for (const rule of COUNT_RULES) {
    const count = policy.counts.get(rule);
    if (count === undefined) continue;
    if (rule === 'keepLast') keepLast(points, count);
    else keepPeriods(points, { rule, count, zone: policy.timeZone });
  }
  const { within } = policy;
  const newest = points.find(isGood) ?? points[0];
  if (within === undefined || newest === undefined) return;
  const limit = before(newest.time, within.period, policy.timeZone);
  for (const { time, reasons } of points) if (time >= limit) reasons.push(`within ${within.text}`);
}

function keepLast<Point extends RecoveryPoint>(points: readonly Dated<Point>[], count: number): void {
  const good = points.filter(isGood);
  const kept = new Set([...good, ...points.filter((point) => !isGood(point))].slice(0, count));
  let place = 0;
  for (const point of points) {
    if (!kept.has(point)) continue;
    place += 1;
    point.reasons.push(`last ${place} of ${count}`);
  }
}

function keepPeriods<Point extends RecoveryPoint>(
  points: readonly Dated<Point>[],
  { rule, count, zone }: { readonly rule: PeriodRule; readonly count: number; readonly zone: string },
): void {
  const periods = groupBy(points, ({ time }) => periodLabel(rule, time, zone));
  for (const [label, members] of [...periods].slice(0, count)) (members.find(isGood) ?? members[0])?.reasons.push(label);
}

function decide<Point extends RecoveryPoint>(
  { point, reasons }: { readonly point: Point; readonly reasons: readonly string[] },
  policy: CheckedPolicy,
  now: number,
): RetentionDecision<Point> {
  const expires = point.expiresAt === undefined ? undefined : (parseInstant(point.expiresAt) ?? Infinity);
  const all = [...reasons];
  if (expires !== undefined && expires > now) all.push(`not expired until ${point.expiresAt ?? ''}`);
  if (expires === undefined && !policy.hasRules && all.length === 0) all.push('no rule removes it');
  if (all.length > 0) return { point, action: 'keep', reasons: all };
  return { point, action: 'remove', reasons: [expires === undefined ? 'no rule keeps it' : `expired ${point.expiresAt ?? ''}`] };
}

function isGood({ point }: { readonly point: RecoveryPoint }): boolean {
  return point.phase === 'Completed';
}

function lastGoodReason({ schedule, cluster }: RecoveryPoint): string {
  return schedule === undefined
    ? `last good backup of cluster ${cluster.name} without a schedule`
    : `last good backup of schedule ${schedule}`;
}

/** In the order in which keys come first. */
function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Infinity less Infinity is no number, so it is not subtracted. */
function newerFirst(a: number, b: number): number {
  return a === b ? 0 : b > a ? 1 : -1;
}
