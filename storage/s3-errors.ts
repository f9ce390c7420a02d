import { HoldfastError, type FailureType } from '../contracts/failures.ts';
import { DeadlineExceeded } from './deadline.ts';

interface Meaning {
  readonly type: FailureType;
  readonly what: string;
  readonly advice: string;
}

const CREDENTIALS = 'check the credentials (environment, profile or role) and the policy of the bucket';

/** By the error code of the answer. Names are S3's; several servers use them, not all. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: { type: 'LocationGone', what: 'the bucket does not exist', advice: 'create the bucket, or correct the URL' },
  NoSuchKey: { type: 'NotFound', what: 'does not exist', advice: '' },
  PreconditionFailed: { type: 'AlreadyExists', what: 'exists already', advice: '' },
  ConditionalRequestConflict: { type: 'Unavailable', what: 'another writer is creating the same object', advice: '' },
  RequestTimeTooSkewed: { type: 'Forbidden', what: 'the clock of this machine is wrong', advice: 'set the clock' },
  RequestTimeout: { type: 'Unavailable', what: 'the request was too slow', advice: '' },
  SlowDown: { type: 'Unavailable', what: 'the store asks to slow down', advice: '' },
  PermanentRedirect: { type: 'BadInput', what: 'the bucket is in another region', advice: 'set the region of the location' },
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
  404: { type: 'NotFound', what: 'does not exist', advice: '' },
  409: { type: 'Unavailable', what: 'another writer is creating the same object', advice: '' },
  412: { type: 'AlreadyExists', what: 'exists already', advice: '' },
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
  const retryAfterMs = isServiceError(cause) ? retryAfter(cause.$response?.headers) : undefined;
  return new HoldfastError(meaning.type, `${where}: ${meaning.what}`, {
    advice: meaning.advice,
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** HTTP status of a failed answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return isServiceError(error) ? error.$metadata.httpStatusCode : undefined;
}

function meaningOf(cause: unknown): Meaning {
  const name = textOf(cause, 'name');
  const known = BY_NAME[name];
  if (known) return known;
  const status = statusOf(cause);
  if (status !== undefined) {
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

function retryAfter(headers: Readonly<Record<string, string>> | undefined): number | undefined {
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
