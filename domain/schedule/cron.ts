import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { daysInMonth } from '../time/civil-date.ts';
import { DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, parseField, printField, type CronField } from './cron-field.ts';

/** A parsed cron expression of five fields. */
export interface Cron {
  readonly minute: CronField;
  readonly hour: CronField;
  readonly dayOfMonth: CronField;
  readonly month: CronField;
  readonly dayOfWeek: CronField;
}

/** A day matches when either of two restricted day fields does; otherwise both must, and one that is not restricted always does. */
export function eitherDay({ dayOfMonth, dayOfWeek }: Cron): boolean {
  return !dayOfMonth.star && !dayOfWeek.star;
}

/** Parses five fields. `BadInput` names the field that is wrong, or says that no day ever matches. */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  const [minute, hour, dayOfMonth, month, dayOfWeek, ...more] = fields;
  if (minute === undefined || hour === undefined || dayOfMonth === undefined || month === undefined || dayOfWeek === undefined) {
    throw wrongCount(text, fields.length);
  }
  if (more.length > 0) throw wrongCount(text, fields.length);
  const cron = {
    minute: parseField(minute, MINUTE),
    hour: parseField(hour, HOUR),
    dayOfMonth: parseField(dayOfMonth, DAY_OF_MONTH),
    month: parseField(month, MONTH),
    dayOfWeek: parseField(dayOfWeek, DAY_OF_WEEK),
  };
  if (!everComes(cron)) {
    throw new HoldfastError(
      FailureType.BadInput,
      `schedule "${text.trim()}" never runs: day-of-month "${dayOfMonth}" is in no month "${month}"`,
    );
  }
  return cron;
}

/** The canonical text: numbers for names, `*` for `?`. */
export function printCron(cron: Cron): string {
  return [
    printField(cron.minute, MINUTE),
    printField(cron.hour, HOUR),
    printField(cron.dayOfMonth, DAY_OF_MONTH),
    printField(cron.month, MONTH),
    printField(cron.dayOfWeek, DAY_OF_WEEK),
  ].join(' ');
}

/** 2000 is a leap year: 29 February comes, if seldom. */
function everComes(cron: Cron): boolean {
  return eitherDay(cron) || cron.month.values.some((month) => cron.dayOfMonth.values.some((day) => day <= daysInMonth(2000, month)));
}

function wrongCount(text: string, count: number): HoldfastError {
  const seconds = count > 5 ? ', without seconds or year, as Velero' : '';
  return new HoldfastError(
    FailureType.BadInput,
    `schedule "${text.trim()}" has ${count} field${count === 1 ? '' : 's'} and must have 5${seconds}: minute hour day-of-month month day-of-week`,
    { advice: 'for example "30 2 * * *", "@daily" or "@every 6h"' },
  );
}
