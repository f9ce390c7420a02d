import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { civilDate, dayNumber, daysInMonth } from '../time/civil-date.ts';
import { zoneOffset } from '../time/zone.ts';

/** A length of time by the calendar, as restic writes it. */
export interface Period {
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_DIGITS = 5;

/** `30d`, `2y5m7d3h`: years, months, weeks, days and hours, each at most once. `BadInput` for anything else, and for nothing at all. */
export function parsePeriod(text: string): Period {
  const amounts = new Map<string, number>();
  const parts = text.match(/\d+[ymwdh]/g) ?? [];
  const amountOf = (unit: string): number => amounts.get(unit) ?? 0;
  for (const part of parts) amounts.set(part.slice(-1), Number(part.slice(0, -1)));
  const tooLong = parts.some((part) => part.length > MAX_DIGITS + 1);
  if (parts.join('') !== text || amounts.size !== parts.length || tooLong || ![...amounts.values()].some((amount) => amount > 0)) {
    throw new HoldfastError(FailureType.BadInput, `retention: --keep-within "${text}" is no period`, {
      advice: 'write it as 30d or 2y5m7d3h: years, months, weeks (w), days, hours',
    });
  }
  return { months: amountOf('y') * 12 + amountOf('m'), days: amountOf('w') * 7 + amountOf('d'), hours: amountOf('h') };
}

/**
 * The instant that lies a period before another, both in milliseconds since 1970: months and days by the calendar of the zone at the same time of day,
 * then hours. 31 March less a month is the last day of February: rather too early than too late, nothing is lost by it.
 */
export function before(instant: number, period: Period, zone: string): number {
  const local = instant + zoneOffset(zone, instant) * 1_000;
  const day = Math.floor(local / DAY_MS);
  const { year, month, day: dayOfMonth } = civilDate(day);
  const months = year * 12 + month - 1 - period.months;
  const target = { year: Math.floor(months / 12), month: (((months % 12) + 12) % 12) + 1 };
  const moved = dayNumber({ ...target, day: Math.min(dayOfMonth, daysInMonth(target.year, target.month)) }) - period.days;
  const shifted = local + (moved - day) * DAY_MS;
  const guess = shifted - zoneOffset(zone, shifted) * 1_000;
  return shifted - zoneOffset(zone, guess) * 1_000 - period.hours * HOUR_MS;
}
