import { LostAnswer, type WireAnswer, type WireRequest } from './exchange.ts';

/** How one attempt ended. */
export type AttemptOutcome = { readonly answer: WireAnswer } | { readonly error: unknown };

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
/** A server error without Retry-After may be for good (a webhook that is down, an aggregated API that is gone). */
const SERVER_ERROR_ATTEMPTS = 3;

/**
 * Milliseconds to wait before the request is sent again, or undefined when it must not be. A POST is sent again only when the server has
 * certainly not executed it: 429, or no connection. Every other method that we use has the same effect twice as once.
 */
export function retryDelay(method: WireRequest['method'], outcome: AttemptOutcome, attempt: number): number | undefined {
  const backoff = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  const jittered = backoff * (0.5 + Math.random() / 2);
  const idempotent = method !== 'POST';
  if ('error' in outcome) {
    return outcome.error instanceof LostAnswer && (idempotent || !outcome.error.sent) ? jittered : undefined;
  }
  const { status } = outcome.answer;
  const asked = retryAfterMs(outcome.answer);
  if (status === 429) return (asked ?? 0) + jittered;
  if (status < 500 || !idempotent) return undefined;
  if (asked !== undefined) return asked + jittered;
  return attempt < SERVER_ERROR_ATTEMPTS ? jittered : undefined;
}

/** The `Retry-After` header in milliseconds; Kubernetes sends seconds. */
export function retryAfterMs(answer: WireAnswer): number | undefined {
  const header = answer.headers['retry-after'];
  return typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}
