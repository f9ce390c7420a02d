import { InvalidArgumentError, type Command } from 'commander';
import type { RetentionPolicy } from '../../contracts/retention.ts';

/** The `--keep` options, as commander gives them. */
export type RetentionOptions = Omit<RetentionPolicy, 'timeZone'> & { readonly keepTimezone?: string };

/** The rules of docs/schedules-and-retention.md as options. */
export function withRetention(command: Command): Command {
  return command
    .option('--keep-last <count>', 'keep the newest backups', keepCount)
    .option('--keep-hourly <count>', 'keep the newest of each of so many hours', keepCount)
    .option('--keep-daily <count>', 'of days', keepCount)
    .option('--keep-weekly <count>', 'of weeks, which begin on Monday', keepCount)
    .option('--keep-monthly <count>', 'of months', keepCount)
    .option('--keep-yearly <count>', 'of years', keepCount)
    .option('--keep-within <period>', 'keep what is no older than this, counted from the newest good one, e.g. 30d or 2y5m')
    .option('--keep-timezone <zone>', 'where days and weeks begin, e.g. Europe/Berlin (default: UTC)');
}

export function retentionOf({ keepTimezone, ...options }: RetentionOptions): RetentionPolicy {
  const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin } = options;
  const given = { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin, timeZone: keepTimezone };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function keepCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError('write a whole number of 1 or more');
  return count;
}
