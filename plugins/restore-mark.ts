import { createHash } from 'node:crypto';
import type { RecoverContext } from './plugin.ts';

/**
 * A name for what is in a server while a dump is loaded into it: what the next attempt finds there is ours then, and no other run's. Letters,
 * digits and `_`.
 */
export function restoreMark({ run }: Pick<RecoverContext, 'run'>): string {
  return `holdfast_restore_${createHash('sha256').update(run).digest('hex').slice(0, 16)}`;
}
