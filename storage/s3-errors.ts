import { HoldfastError, type FailureType } from '../contracts/failures.ts';
import { DeadlineExceeded } from './deadline.ts';
import { plainCause } from './plain-cause.ts';
import { retryAfterMs } from './retry-after.ts';

interface Meaning {
  readonly type: FailureType;
  readonly what: string;
  readonly advice: string;
}

const CREDENTIALS = 'check the credentials (environment, profile or role) and the policy of the bucket';
const MISSING: Meaning = { type: 'NotFound', what: 'does not exist', advice: '' };
const TAKEN: Meaning = { type: 'AlreadyExists', what: 'exists already', advice: '' };
const EXPIRED: Meaning = { type: 'Unavailable', what: 'the credentials have expired', advice: 'renew them where they come from' };

/** By the error code of the answer. Names are S3's; several servers use them, not all. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: { type: 'LocationGone', what: 'the bucket does not exist', advice: 'create the bucket, or correct the URL' },
  NoSuchKey: MISSING,
  PreconditionFailed: TAKEN,
  ConditionalRequestConflict: { type: 'Unavailable', what: 'another writer is creating the same object', advice: '' },
  RequestTimeTooSkewed: { type: 'Forbidden', what: 'the clock of this machine is wrong', advice: 'set the clock' },
  RequestTimeout: { type: 'Unavailable', what: 'the request was too slow', advice: '' },
  SlowDown: { type: 'Unavailable', what: 'the store asks to slow down', advice: '' },
  PermanentRedirect: { type: 'BadInput', what: 'the bucket is in another region', advice: 'set the region of the location' },
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  NoSuchUpload: { type: 'Unavailable', what: 'its parts were removed while they were sent', advice: '' },
  InvalidObjectState: { type: 'Forbidden', what: 'is archived and cannot be read', advice: 'restore it from its storage class first' },
  CredentialsProviderError: {
    type: 'Forbidden',
    what: 'no credentials were found',
    advice: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
  },
};

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: { type: 'BadInput', what: 'the bucket is in another region', advice: 'set the region of the location' },
  400: { type: 'BadInput', what: 'the store refused the request', advice: 'check endpoint, region and path style of the location' },
  401: { type: 'Forbidden', what: 'the credentials are not accepted', advice: CREDENTIALS },
  403: { type: 'Forbidden', what: 'access denied', advice: CREDENTIALS },
  404: MISSING,
  409: { type: 'Unavailable', what: 'another writer is creating the same object', advice: '' },
  412: TAKEN,
  501: { type: 'BadInput', what: 'the store does not know this kind of request', advice: 'see docs/locations.md for what it needs' },
};

interface ServiceError {
  readonly $metadata: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** Translates an error of the SDK into the port's failures. What has no HTTP status (network, DNS, TLS) and every 5xx is `Unavailable`. */
export function s3Error(url: string, key: string, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const where = key === '' ? url : `${url}: ${key}`;
  const meaning = meaningOf(cause);
  const wait = isServiceError(cause) ? retryAfterMs(cause.$response?.headers?.['retry-after']) : undefined;
  return new HoldfastError(meaning.type, `${where}: ${meaning.what}`, {
    advice: meaning.advice,
    cause: plainCause(cause),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

/** The same failures where we know before the server says so. */
export function s3Failure(url: string, key: string, status: 404 | 412): HoldfastError {
  const { type, what } = status === 404 ? MISSING : TAKEN;
  return new HoldfastError(type, `${url}: ${key}: ${what}`);
}

/** Keys that were good once: whoever asks for them again may get others. */
export function credentialsExpired(error: unknown): boolean {
  return BY_NAME[errorName(error)] === EXPIRED;
}

/** The code of S3's error answers; '' when there is none. */
export function errorName(error: unknown): string {
  return textOf(error, 'name');
}

/** HTTP status of a failed answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return isServiceError(error) ? error.$metadata.httpStatusCode : undefined;
}

function meaningOf(cause: unknown): Meaning {
  const name = errorName(cause);
  const known = BY_NAME[name];
  if (known) return known;
  const status = statusOf(cause);
  if (status !== undefined) {
    // It was done, but the answer about it did not arrive whole.
    if (status < 300) return { type: 'Unavailable', what: 'the answer cannot be read', advice: '' };
    const what = `the store answered ${status}${name === '' ? '' : ` ${name}`}`;
    const byStatus = BY_STATUS[status];
    if (byStatus) return status === 400 ? { ...byStatus, what } : byStatus;
    return { type: status >= 500 || status === 429 || status === 408 ? 'Unavailable' : 'BadInput', what, advice: '' };
  }
  return { type: 'Unavailable', what: networkProblem(cause), advice: 'check the endpoint and the network' };
}

function networkProblem(cause: unknown): string {
  if (cause instanceof DeadlineExceeded) return cause.message;
  return `the request failed (${textOf(cause, 'code') || textOf(cause, 'name') || 'no reason given'})`;
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    typeof error === 'object' && error !== null && '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null
  );
}

function textOf(error: unknown, property: 'name' | 'code'): string {
  const value = typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[property] : undefined;
  return typeof value === 'string' ? value : '';
}
