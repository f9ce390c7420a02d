import { eitherDay, parseCron } from './cron.ts';
import { runs, type CronField } from './cron-field.ts';
import type { ScheduleExpression } from './expression.ts';
import { zoneForServer } from './wall-clock.ts';

const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
const DAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

interface Range<Value> {
  readonly start: Value;
  readonly end: Value;
}
type Ranges<Value> = Range<Value>[] | '*';

/** A calendar of Temporal's ScheduleSpec, at second 0 of every year: all of its fields must match. */
interface TemporalCalendar {
  minute: Ranges<number>;
  hour: Ranges<number>;
  dayOfMonth: Ranges<number>;
  month: Ranges<(typeof MONTHS)[number]>;
  dayOfWeek: Ranges<(typeof DAYS)[number]>;
}

/** The part of Temporal's ScheduleSpec that says when; intervals in milliseconds. */
type TemporalTimes =
  { calendars: TemporalCalendar[]; timezone: string } | { intervals: { readonly every: number; readonly offset: number }[] };

/**
 * The same times as Temporal's structured calendars or interval. Not its cron strings: they want day of month *and* day of week where cron
 * wants either, so that case becomes two calendars.
 */
export function temporalTimes(expression: ScheduleExpression): TemporalTimes {
  if (expression.kind === 'every') {
    return { intervals: [{ every: expression.seconds * 1_000, offset: expression.phaseSeconds * 1_000 }] };
  }
  const cron = parseCron(expression.expression);
  const calendar: TemporalCalendar = {
    minute: ranges(cron.minute, Number),
    hour: ranges(cron.hour, Number),
    dayOfMonth: ranges(cron.dayOfMonth, Number),
    month: ranges(cron.month, (value) => MONTHS[value - 1] ?? 'JANUARY'),
    dayOfWeek: ranges(cron.dayOfWeek, (value) => DAYS[value] ?? 'SUNDAY'),
  };
  const calendars: TemporalCalendar[] = eitherDay(cron)
    ? [
        { ...calendar, dayOfWeek: '*' },
        { ...calendar, dayOfMonth: '*' },
      ]
    : [calendar];
  return { calendars, timezone: zoneForServer(cron, expression.timeZone) };
}

function ranges<Value>(field: CronField, valueOf: (value: number) => Value): Ranges<Value> {
  if (field.star) return '*';
  return runs(field.values).map(([from, to]) => ({ start: valueOf(from), end: valueOf(to) }));
}
