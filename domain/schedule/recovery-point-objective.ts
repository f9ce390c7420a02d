import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { dayNumber } from '../time/civil-date.ts';
import { parseInstant } from '../time/instant.ts';
import { parseCron } from './cron.ts';
import type { ScheduleExpression } from './expression.ts';
import { matchesDay, timesOfDay } from './next-runs.ts';

const DAY_SECONDS = 86_400;
/** Weekdays and leap days repeat after 28 years as long as no century is skipped, which none is from 2000 to 2099. */
const FIRST_DAY = dayNumber({ year: 2000, month: 1, day: 1 });
const CYCLE_DAYS = 28 * 365.25;

export interface RpoInput {
  readonly expression: ScheduleExpression;
  /** When the newest good backup was complete, ISO-8601; absent when there has been none. */
  readonly lastGoodAt?: string;
  /** When the schedule was made. */
  readonly createdAt: string;
  /** Absent: twice the longest interval between two runs. */
  readonly targetSeconds?: number;
  readonly paused: boolean;
  readonly now: string;
}

/** How far behind a schedule is; plain JSON. */
export interface RpoStatus {
  /** Age of the newest good backup; null when there has been none. */
  readonly rpoNowSeconds: number | null;
  readonly targetSeconds: number;
  readonly overdue: boolean;
  readonly paused: boolean;
  /** How many times the target has passed since the newest good backup, or since the schedule was made. */
  readonly timesOver: number;
}

/** The recovery point objective of one schedule, measured against its target. */
export function rpoStatus(input: RpoInput): RpoStatus {
  const { expression, lastGoodAt, createdAt, paused } = input;
  const targetSeconds = input.targetSeconds ?? 2 * longestIntervalSeconds(expression);
  const waitedSeconds = Math.max(0, instant(input.now) - instant(lastGoodAt ?? createdAt));
  return {
    rpoNowSeconds: lastGoodAt === undefined ? null : waitedSeconds,
    targetSeconds,
    overdue: waitedSeconds > targetSeconds,
    paused,
    timesOver: waitedSeconds / targetSeconds,
  };
}

/** For sorting, worst first: overdue before the others, not paused before paused, without any good backup before those with one, the furthest behind first. */
export function bySeverity(a: RpoStatus, b: RpoStatus): number {
  return urgency(b) - urgency(a) || b.timesOver - a.timesOver;
}

/** The longest time between two runs in seconds, as the zone's calendar counts it: a change of the clocks is not part of it. */
export function longestIntervalSeconds(expression: ScheduleExpression): number {
  if (expression.kind === 'every') return expression.seconds;
  const cron = parseCron(expression.expression);
  const times = timesOfDay(cron);
  const [first = 0] = times;
  const last = times.at(-1) ?? first;
  const withinDay = Math.max(0, ...times.map((time, index) => time - (times[index - 1] ?? time)));
  return Math.max(withinDay, longestDayGap((day) => matchesDay(cron, day)) * DAY_SECONDS - last + first);
}

/** In days, between two neighbours among the days that match. */
function longestDayGap(matches: (day: number) => boolean): number {
  let previous: number | undefined;
  let longest = 0;
  for (let day = FIRST_DAY; day < FIRST_DAY + 2 * CYCLE_DAYS; day += 1) {
    if (!matches(day)) continue;
    if (previous !== undefined) longest = Math.max(longest, day - previous);
    previous = day;
  }
  return longest;
}

function urgency({ overdue, paused, rpoNowSeconds }: RpoStatus): number {
  return (overdue ? 4 : 0) + (paused ? 0 : 2) + (overdue && rpoNowSeconds === null ? 1 : 0);
}

/** Seconds since 1970. */
function instant(text: string): number {
  const milliseconds = parseInstant(text);
  if (milliseconds === undefined) throw new HoldfastError(FailureType.BadInput, `"${text}" is not a time`);
  return Math.floor(milliseconds / 1_000);
}
