import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { parseDuration } from '../time/duration.ts';

/** What happens to a run that is due while the last one is going on, and Temporal's word for it. */
const OVERLAP = { skip: 'SKIP', 'buffer-one': 'BUFFER_ONE', cancel: 'CANCEL_OTHER' } as const;

export type OverlapPolicy = keyof typeof OVERLAP;
/** Temporal's server takes no shorter one. */
const MIN_CATCH_UP_SECONDS = 10;

/** `BadInput` when the text is none of the three. */
export function parseOverlap(text: string): OverlapPolicy {
  const policy = (Object.keys(OVERLAP) as OverlapPolicy[]).find((name) => name === text.trim().toLowerCase());
  if (policy) return policy;
  throw new HoldfastError(FailureType.BadInput, `overlap policy "${text}" is unknown`, {
    advice: `use ${Object.keys(OVERLAP).join(', ')}`,
  });
}

export function temporalOverlap(policy: OverlapPolicy): (typeof OVERLAP)[OverlapPolicy] {
  return OVERLAP[policy];
}

/** Seconds, at least 10. */
export function parseCatchUpWindow(text: string): number {
  const seconds = parseDuration(text, 'catch-up window');
  if (seconds >= MIN_CATCH_UP_SECONDS) return seconds;
  throw new HoldfastError(FailureType.BadInput, `catch-up window "${text}" is shorter than ${MIN_CATCH_UP_SECONDS}s`);
}

/** Seconds; 0 is none. */
export function parseJitter(text: string): number {
  return parseDuration(text, 'jitter');
}
