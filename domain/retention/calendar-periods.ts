import { civilDate, isoWeek } from '../time/civil-date.ts';
import { printDay, two } from '../time/instant.ts';
import { zoneOffset } from '../time/zone.ts';
import type { CountRule } from './policy.ts';

/** A rule that keeps one backup of each of a number of periods. */
export type PeriodRule = Exclude<CountRule, 'keepLast'>;

const LABELS: Readonly<Record<PeriodRule, (local: LocalTime) => string>> = {
  // With the offset, so that the hour which comes twice when the clocks go back is two hours.
  keepHourly: ({ day, hour, offset }) => `hourly ${printDay(day)} ${two(hour)}:00${printOffset(offset)}`,
  keepDaily: ({ day }) => `daily ${printDay(day)}`,
  keepWeekly: ({ day }) => `weekly ${isoWeek(day).year}-W${two(isoWeek(day).week)}`,
  keepMonthly: ({ day }) => `monthly ${printDay(day).slice(0, 7)}`,
  keepYearly: ({ day }) => `yearly ${civilDate(day).year}`,
};

interface LocalTime {
  /** Days since 1970 by the zone's calendar. */
  readonly day: number;
  readonly hour: number;
  /** Seconds ahead of UTC. */
  readonly offset: number;
}

/** The period that an instant (milliseconds since 1970) lies in, by name: `daily 2026-11-20`, `weekly 2026-W53`. Equal names, same period. */
export function periodLabel(rule: PeriodRule, instant: number, zone: string): string {
  const offset = zoneOffset(zone, instant);
  const local = Math.floor(instant / 1_000) + offset;
  const day = Math.floor(local / 86_400);
  return LABELS[rule]({ day, hour: Math.floor((local - day * 86_400) / 3_600), offset });
}

function printOffset(seconds: number): string {
  if (seconds === 0) return 'Z';
  const minutes = Math.floor(Math.abs(seconds) / 60);
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
