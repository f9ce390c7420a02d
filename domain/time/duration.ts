import { FailureType, HoldfastError } from '../../contracts/failures.ts';

const UNIT_SECONDS: Readonly<Partial<Record<string, number>>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
};
const WHOLE = /^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w))+$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)/g;
/** Beyond this Temporal's and Go's durations overflow, and nobody means it. */
const MAX_SECONDS = 100 * 366 * 86_400;

/**
 * Seconds of a duration as Go writes it, `d` (24 hours) and `w` added: `1h30m`, `90s`, `1.5h`, `7d`, `0`. `what` begins the message of the
 * `BadInput` that anything else ends with.
 */
export function parseDuration(text: string, what: string): number {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (!WHOLE.test(trimmed)) throw wrong(`${what} "${text}" is no duration`);
  let seconds = 0;
  for (const [, amount = '', unit = ''] of trimmed.matchAll(PART)) seconds += Number(amount) * (UNIT_SECONDS[unit] ?? 0);
  if (seconds > MAX_SECONDS) throw wrong(`${what} "${text}" is longer than 100 years`);
  return Math.round(seconds * 1e9) / 1e9;
}

/** The same in whole seconds, and at least one. */
export function wholeSeconds(text: string, what: string): number {
  const seconds = Math.round(parseDuration(text, what));
  if (seconds >= 1) return seconds;
  throw wrong(`${what} "${text}" is too short`);
}

/** `1h30m`, `90s` is `1m30s`, `7d` is `168h`: whole seconds as Go's and Velero's tools read them. */
export function printDuration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3_600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  return (
    parts
      .filter(([amount]) => amount > 0)
      .map(([amount, unit]) => `${amount}${unit}`)
      .join('') || '0s'
  );
}

function wrong(message: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, message, { advice: 'write it as 90s, 1h30m or 7d' });
}
