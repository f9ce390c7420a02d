import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { civilDate, dayNumber, dayOfWeek } from '../time/civil-date.ts';
import { parseInstant, printInstant } from '../time/instant.ts';
import { eitherDay, parseCron, type Cron } from './cron.ts';
import type { ScheduleExpression } from './expression.ts';
import { wallClock, zoneForServer, type WallClock } from './wall-clock.ts';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
/** Temporal's server looks no further. */
const LAST_DAY = dayNumber({ year: 2100, month: 12, day: 31 });

/**
 * The next `count` runs after an instant, as ISO-8601 in UTC, jitter aside: the instants that Temporal's server takes, its ways with changes of the
 * clocks included (docs/schedules-and-retention.md). Fewer than `count` when the server's calendar (the year 2100) ends before.
 */
export function nextRuns(expression: ScheduleExpression, after: string, count: number): string[] {
  const start = parseInstant(after);
  if (start === undefined)
    throw new HoldfastError(FailureType.BadInput, `"${after}" is not a time`, { advice: 'write 2026-11-20T00:00:00Z' });
  const next = expression.kind === 'every' ? nextInterval(expression) : nextCron(expression);
  const found: string[] = [];
  let run = next(Math.floor(start / 1_000));
  while (run !== undefined && found.length < count) {
    found.push(printInstant(run * 1_000));
    run = next(run);
  }
  return found;
}

/** Whether a day (since 1970) of the zone's calendar has runs. */
export function matchesDay(cron: Cron, day: number): boolean {
  const { month, day: dayOfMonth } = civilDate(day);
  if (!cron.month.values.includes(month)) return false;
  const byMonth = cron.dayOfMonth.values.includes(dayOfMonth);
  const byWeek = cron.dayOfWeek.values.includes(dayOfWeek(day));
  return eitherDay(cron) ? byMonth || byWeek : byMonth && byWeek;
}

/** The local times of a day with runs, in seconds since midnight, ascending. */
export function timesOfDay(cron: Cron): readonly number[] {
  return cron.hour.values.flatMap((hour) => cron.minute.values.map((minute) => hour * 3_600 + minute * 60));
}

/** Seconds since 1970 of the first run after an instant. */
type NextRun = (after: number) => number | undefined;

function nextInterval({ seconds, phaseSeconds }: { readonly seconds: number; readonly phaseSeconds: number }): NextRun {
  return (after) => (Math.floor((after - phaseSeconds) / seconds) + 1) * seconds + phaseSeconds;
}

function nextCron({ expression, timeZone }: { readonly expression: string; readonly timeZone: string }): NextRun {
  const cron = parseCron(expression);
  const clock = wallClock(zoneForServer(cron, timeZone));
  return (after) => {
    const local = clock.localOf(after);
    const hour = local - modulo(local, HOUR);
    const again = hourOf(clock.localOf(after - HOUR)) === hourOf(local);
    const found = firstInHour(cron, { clock, hour, again, minute: Math.floor(modulo(local, HOUR) / MINUTE) + 1 });
    if (found !== undefined) return found;
    // The server notices an hour that comes twice by the next one being more than an hour away, and goes through the present one once more.
    const twice = !again && clock.instantOf(hour + HOUR) - clock.instantOf(hour) > HOUR;
    return (twice ? firstInHour(cron, { clock, hour, again: true, minute: 0 }) : undefined) ?? firstInLaterHour(cron, clock, hour + HOUR);
  };
}

interface HourOfRuns {
  readonly clock: WallClock;
  /** Local time of its begin. */
  readonly hour: number;
  /** The second of two hours of one name. */
  readonly again: boolean;
  /** The first minute that counts. */
  readonly minute: number;
}

/** The first run within one hour, if it is one with runs. */
function firstInHour(cron: Cron, { clock, hour, again, minute }: HourOfRuns): number | undefined {
  if (!matchesDay(cron, Math.floor(hour / DAY)) || !cron.hour.values.includes(hourOf(hour))) return undefined;
  const first = cron.minute.values.find((value) => value >= minute);
  if (first === undefined) return undefined;
  const instant = clock.instantOf(hour + first * MINUTE);
  // The clock jumps over this time.
  if (hourOf(clock.localOf(instant)) !== hourOf(hour)) return undefined;
  return instant + (again ? HOUR : 0);
}

function firstInLaterHour(cron: Cron, clock: WallClock, from: number): number | undefined {
  for (let day = Math.floor(from / DAY); day <= LAST_DAY; day += 1) {
    if (!matchesDay(cron, day)) continue;
    for (const value of cron.hour.values) {
      const hour = day * DAY + value * HOUR;
      const found = hour < from ? undefined : firstInHour(cron, { clock, hour, again: false, minute: 0 });
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function hourOf(local: number): number {
  return Math.floor(modulo(local, DAY) / HOUR);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
