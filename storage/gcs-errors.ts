import { HoldfastError, type FailureType } from '../contracts/failures.ts';
import { DeadlineExceeded } from './deadline.ts';
import { GcsHttpError, type GcsAnswer } from './gcs-client.ts';
import { errorText, plainCause } from './plain-cause.ts';
import { retryAfterMs } from './retry-after.ts';

interface Meaning {
  readonly type: FailureType;
  readonly what: string;
  readonly advice: string;
}

const CREDENTIALS = 'check the credentials (key file, GOOGLE_APPLICATION_CREDENTIALS or workload identity) and their roles on the bucket';
const MISSING: Meaning = { type: 'NotFound', what: 'does not exist', advice: '' };
const TAKEN: Meaning = { type: 'AlreadyExists', what: 'exists already', advice: '' };

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: { type: 'Forbidden', what: 'the credentials are not accepted', advice: CREDENTIALS },
  403: { type: 'Forbidden', what: 'access denied', advice: CREDENTIALS },
  404: MISSING,
  412: TAKEN,
};
const TRANSIENT = new Set([408, 429]);
/** Of the servers that give out tokens. */
const REFUSED = /invalid_grant|invalid_client|unauthorized_client|invalid_rapt/;
const LOCKED: Meaning = { type: 'Locked', what: 'is locked by a retention policy or a hold', advice: 'wait until the lock ends' };

/** Translates a failed request into the port's failures. What has no HTTP status (network, DNS, TLS) and every 5xx is `Unavailable`. */
export function gcsError(url: string, key: string, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const meaning = cause instanceof GcsHttpError ? answered(cause.answer) : unanswered(cause);
  const wait = cause instanceof GcsHttpError ? retryAfterMs(cause.answer.headers['retry-after']) : undefined;
  return failure(where(url, key), meaning, { cause: plainCause(cause), ...(wait === undefined ? {} : { retryAfterMs: wait }) });
}

/** Whether it is who asks, not what is asked for, that was refused. */
export function credentialsRefused(error: unknown): boolean {
  return error instanceof GcsHttpError ? error.answer.status === 401 : REFUSED.test(errorText(error, 'message'));
}

/** Of credentials that were good before: a run waits until they are renewed. */
export function credentialsExpired(url: string): HoldfastError {
  return failure(url, { type: 'Unavailable', what: 'the credentials are no longer accepted', advice: 'renew them where they come from' });
}

/** The same failures where an answer of ours has that meaning. */
export function gcsFailure(url: string, key: string, status: 404 | 412): HoldfastError {
  return failure(where(url, key), status === 404 ? MISSING : TAKEN);
}

function where(url: string, key: string): string {
  return key === '' ? url : `${url}: ${key}`;
}

function failure(place: string, { type, what, advice }: Meaning, details: object = {}): HoldfastError {
  return new HoldfastError(type, `${place}: ${what}`, { advice, ...details });
}

function answered(answer: GcsAnswer): Meaning {
  const { status } = answer;
  const { reason, message } = said(answer);
  if (status === 403 && /retention|underactivehold/i.test(reason)) return LOCKED;
  // Quotas of requests are reported as 403 too.
  if (status === 403 && /ratelimit/i.test(reason)) return { type: 'Unavailable', what: 'the store asks to slow down', advice: '' };
  const known = BY_STATUS[status];
  if (known) return known;
  const what = `the store answered ${status}${message === '' ? '' : ` (${message})`}`;
  return { type: status >= 500 || TRANSIENT.has(status) ? 'Unavailable' : 'BadInput', what, advice: '' };
}

function unanswered(cause: unknown): Meaning {
  if (cause instanceof DeadlineExceeded) return { type: 'Unavailable', what: cause.message, advice: 'check the endpoint and the network' };
  if (cause instanceof SyntaxError) return { type: 'Unavailable', what: 'the answer cannot be read', advice: '' };
  const message = errorText(cause, 'message');
  if (/default credentials|metadata.*unavailable|ENOTFOUND metadata/i.test(message)) {
    const advice = 'set keyFile or GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login';
    return { type: 'Forbidden', what: 'no credentials were found', advice };
  }
  if (REFUSED.test(message)) {
    return { type: 'Forbidden', what: 'the credentials are not accepted', advice: CREDENTIALS };
  }
  const reason = errorText(cause, 'code') || errorText(cause, 'name') || 'no reason given';
  return { type: 'Unavailable', what: `the request failed (${reason})`, advice: 'check the endpoint and the network' };
}

/** `{"error": {"message": ..., "errors": [{"reason": ...}]}}`; some answers are plain text. */
function said({ body }: GcsAnswer): { readonly reason: string; readonly message: string } {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error?: { message?: unknown; errors?: readonly { reason?: unknown }[] } };
    const reason = error?.errors?.[0]?.reason;
    return { reason: textOf(reason), message: textOf(error?.message) };
  } catch {
    return { reason: '', message: '' };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/\s+/g, ' ').slice(0, 200) : '';
}
