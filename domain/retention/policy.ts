import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { RetentionPolicy } from '../../contracts/retention.ts';
import { canonicalZone, UTC } from '../time/zone.ts';
import { parsePeriod, type Period } from './period.ts';

/** A policy that was checked. */
export interface CheckedPolicy {
  readonly counts: ReadonlyMap<CountRule, number>;
  readonly within: { readonly text: string; readonly period: Period } | undefined;
  readonly timeZone: string;
  /** At least one rule keeps something; without any, only what has expired goes. */
  readonly hasRules: boolean;
}

export const COUNT_RULES = ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'] as const;
export type CountRule = (typeof COUNT_RULES)[number];

/** `BadInput` names the rule that is wrong. Call it where a policy is given, so that a mistake is told then and not when backups are to go. */
export function checkPolicy(policy: RetentionPolicy): CheckedPolicy {
  const counts = new Map<CountRule, number>();
  for (const rule of COUNT_RULES) {
    const count = policy[rule];
    if (count === undefined) continue;
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new HoldfastError(FailureType.BadInput, `retention: ${optionOf(rule)} must be a whole number of 1 or more, not ${count}`, {
        advice: 'leave the rule out to keep nothing by it',
      });
    }
    counts.set(rule, count);
  }
  const text = policy.keepWithin?.trim() ?? '';
  const within = text === '' ? undefined : { text, period: parsePeriod(text) };
  return { counts, within, timeZone: canonicalZone(policy.timeZone ?? UTC), hasRules: counts.size > 0 || within !== undefined };
}

/** `--keep-daily` for `keepDaily`. */
function optionOf(rule: CountRule): string {
  return `--${rule.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
}
