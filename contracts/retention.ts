/**
 * Which backups stay. Each rule keeps some, what no rule keeps goes; docs/schedules-and-retention.md has the rules in full. A policy without
 * rules removes only what has outlived its time to live.
 */
export interface RetentionPolicy {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  /** Such as `30d` or `2y5m7d3h`. */
  readonly keepWithin?: string;
  /** Of the tz database, in which periods begin; default UTC. */
  readonly timeZone?: string;
}
