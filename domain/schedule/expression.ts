import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { parseDuration, printDuration } from '../time/duration.ts';
import { canonicalZone, UTC } from '../time/zone.ts';
import { parseCron, printCron } from './cron.ts';

/** When a schedule runs, in canonical form; plain JSON. */
export type ScheduleExpression =
  | {
      readonly kind: 'cron';
      /** Five fields, canonical. */
      readonly expression: string;
      /** A name of the tz database. */
      readonly timeZone: string;
    }
  | {
      readonly kind: 'every';
      /** Whole, at least 1. Runs are at multiples of it since 1970, plus the phase. */
      readonly seconds: number;
      /** Whole, less than `seconds`. */
      readonly phaseSeconds: number;
    };

const NAMED: Readonly<Partial<Record<string, string>>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Parses every form that docs/schedules-and-retention.md lists: five cron fields, `@daily` and the like, `@every 6h/90m`, each perhaps after
 * `CRON_TZ=Zone` or `TZ=Zone`. `timeZone` is for expressions that name none ('' is UTC). `BadInput` says which part is wrong.
 */
export function parseSchedule(text: string, timeZone = ''): ScheduleExpression {
  const trimmed = text.trim();
  if (trimmed === '') throw wrong('schedule is empty');
  const prefix = /^(?:CRON_TZ|TZ)=(\S*)(?:\s+(.*))?$/s.exec(trimmed);
  if (!prefix) return parseTimes(trimmed, timeZone === '' ? UTC : canonicalZone(timeZone));
  const [, zone = '', rest = ''] = prefix;
  if (zone === '') throw wrong(`schedule "${trimmed}" names no time zone after "="`);
  if (rest === '') throw wrong(`schedule "${trimmed}" has a time zone and no times`);
  const named = canonicalZone(zone);
  if (timeZone !== '' && canonicalZone(timeZone) !== named) {
    throw wrong(`schedule "${trimmed}" names time zone ${named}, and the time zone given beside it is ${timeZone}`);
  }
  return parseTimes(rest, named);
}

/** The text of an expression in a form that Velero reads too; parsing it gives the same expression. */
export function printSchedule(expression: ScheduleExpression): string {
  if (expression.kind === 'cron') {
    return expression.timeZone === UTC ? expression.expression : `CRON_TZ=${expression.timeZone} ${expression.expression}`;
  }
  const phase = expression.phaseSeconds === 0 ? '' : `/${printDuration(expression.phaseSeconds)}`;
  return `@every ${printDuration(expression.seconds)}${phase}`;
}

function parseTimes(text: string, timeZone: string): ScheduleExpression {
  if (!text.startsWith('@')) return { kind: 'cron', expression: printCron(parseCron(text)), timeZone };
  const every = /^@every(?:\s+(.*))?$/is.exec(text);
  if (every) return parseEvery(every[1] ?? '');
  const fields = NAMED[text.toLowerCase()];
  if (fields === undefined) throw wrong(`schedule "${text}" is unknown: the names are ${Object.keys(NAMED).join(', ')} and @every`);
  return { kind: 'cron', expression: fields, timeZone };
}

function parseEvery(text: string): ScheduleExpression {
  const [interval = '', phase, ...more] = text.split('/');
  if (interval.trim() === '') throw wrong('schedule: @every lacks an interval');
  if (more.length > 0) throw wrong(`schedule: "@every ${text}" has more than one "/"`);
  const seconds = parseDuration(interval, 'schedule: interval of @every');
  const phaseSeconds = phase === undefined ? 0 : parseDuration(phase, 'schedule: phase of @every');
  if (!Number.isInteger(seconds) || seconds < 1)
    throw wrong(`schedule: interval of @every "${interval}" must be whole seconds, at least 1s`);
  if (!Number.isInteger(phaseSeconds)) throw wrong(`schedule: phase of @every "${phase ?? ''}" must be whole seconds`);
  if (phaseSeconds >= seconds) throw wrong(`schedule: phase of @every "${phase ?? ''}" must be less than its interval ${interval}`);
  return { kind: 'every', seconds, phaseSeconds };
}

function wrong(message: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, message, {
    advice: 'for example "30 2 * * *", "CRON_TZ=Europe/Berlin @daily" or "@every 6h"',
  });
}
