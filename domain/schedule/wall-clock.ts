import { UTC, zoneOffset } from '../time/zone.ts';
import type { Cron } from './cron.ts';

const HOUR = 3_600;
const DAY = 86_400;
/** No zone changes its clocks and back in less; from 2020 to 2040 every rule of today is seen. */
const LOOK_EVERY_DAYS = 14;
const FIRST_LOOK_DAY = 50 * 365;
const LAST_LOOK_DAY = 70 * 365;

/** The clocks of a zone as Temporal's server reads them. Times are seconds since 1970; local ones count as if the clock showed UTC. */
export interface WallClock {
  localOf(instant: number): number;
  /**
   * The instant at which the clock shows a local time. Of a time that comes twice: the first west of Greenwich, the second east of it. Of one that
   * does not exist: an instant at which the clock shows something else.
   */
  instantOf(local: number): number;
}

export function wallClock(zone: string): WallClock {
  const offsetAt = (seconds: number): number => zoneOffset(zone, seconds * 1_000);
  return {
    localOf: (instant) => instant + offsetAt(instant),
    instantOf: (local) => local - offsetAt(local - offsetAt(local)),
  };
}

/**
 * The zone in which an expression is handed to Temporal. One that runs in every hour of every day means the same in UTC wherever clocks differ
 * by whole hours, and there no changes of the clocks can make the server leave out an hour of runs, as it does east of Greenwich.
 */
export function zoneForServer(cron: Cron, zone: string): string {
  const everyHour =
    cron.hour.values.length === DAY / HOUR && cron.dayOfMonth.star && cron.dayOfWeek.star && cron.month.values.length === 12;
  if (!everyHour) return zone;
  for (let day = FIRST_LOOK_DAY; day < LAST_LOOK_DAY; day += LOOK_EVERY_DAYS) {
    if (zoneOffset(zone, day * DAY * 1_000) % HOUR !== 0) return zone;
  }
  return UTC;
}
