import { HoldfastError, type FailureType } from '../contracts/failures.ts';
import { DeadlineExceeded } from './deadline.ts';
import { errorText, plainCause } from './plain-cause.ts';
import { retryAfterMs } from './retry-after.ts';

interface Meaning {
  readonly type: FailureType;
  readonly what: string;
  readonly advice: string;
}

const CREDENTIALS = 'check the credentials (connection string, key, SAS token or identity) and their roles on the container';
const LOCKED: Meaning = { type: 'Locked', what: 'is locked by an immutability policy or a hold', advice: 'wait until the lock ends' };
const GONE: Meaning = { type: 'LocationGone', what: 'the container does not exist', advice: 'create the container, or correct the URL' };
const LOST_BLOCKS: Meaning = { type: 'Unavailable', what: 'its parts were dropped while they were put together', advice: '' };
const TAKEN: Meaning = { type: 'AlreadyExists', what: 'exists already', advice: '' };

/** By the error code of the answer. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  ContainerNotFound: GONE,
  ContainerBeingDeleted: GONE,
  BlobNotFound: { type: 'NotFound', what: 'does not exist', advice: '' },
  BlobAlreadyExists: TAKEN,
  ConditionNotMet: TAKEN,
  UnauthorizedBlobOverwrite: TAKEN,
  BlobImmutableDueToPolicy: LOCKED,
  BlobImmutableDueToLegalHold: LOCKED,
  LeaseIdMissing: { type: 'Locked', what: 'is leased', advice: 'end the lease' },
  InvalidBlockList: LOST_BLOCKS,
  AccountBeingCreated: { type: 'Unavailable', what: 'the storage account is being created', advice: '' },
};

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: { type: 'Forbidden', what: 'the credentials are not accepted', advice: CREDENTIALS },
  403: { type: 'Forbidden', what: 'access denied', advice: CREDENTIALS },
  404: { type: 'NotFound', what: 'does not exist', advice: '' },
};
const TRANSIENT = new Set([408, 429]);
/** 501: emulators and old accounts lack some operations, and will lack them next time too. */
const LACKING = 501;

/** Translates an error of the SDK into the port's failures. What has no HTTP status (network, DNS, TLS) and every other 5xx is `Unavailable`. */
export function azureError(url: string, key: string, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const wait = retryAfterMs(headerOf(cause, 'retry-after'));
  return failure(where(url, key), meaningOf(cause), { cause: plainCause(cause), ...(wait === undefined ? {} : { retryAfterMs: wait }) });
}

/** Whether it is who asks, not what is asked for, that was refused. */
export function credentialsRefused(error: unknown): boolean {
  if (azureStatus(error) === 401 || azureCode(error) === 'AuthenticationFailed') return true;
  // Emulators say the same under another code.
  return azureStatus(error) === 403 && errorText(error, 'message').startsWith('Server failed to authenticate the request');
}

/** Of credentials that were good before: a run waits until they are renewed. */
export function credentialsExpired(url: string): HoldfastError {
  return failure(url, { type: 'Unavailable', what: 'the credentials are no longer accepted', advice: 'renew them where they come from' });
}

/** The same failures where we know before the server says so. */
export function azureFailure(
  url: string,
  key: string,
  code: 'BlobNotFound' | 'BlobAlreadyExists' | 'BlobImmutableDueToPolicy',
): HoldfastError {
  return failure(where(url, key), BY_CODE[code] ?? LOCKED);
}

/** HTTP status of a failed answer; undefined when there was none. */
export function azureStatus(error: unknown): number | undefined {
  const status = property(error, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

/** The error code of a failed answer, like `BlobNotFound`; answers without a body have it in a header alone. */
export function azureCode(error: unknown): string {
  const code = headerOf(error, 'x-ms-error-code') ?? property(error, 'code');
  return typeof code === 'string' ? code : '';
}

export function headerOf(error: unknown, name: string): string | undefined {
  const headers = property(property(error, 'response'), 'headers');
  return isHeaders(headers) ? headers.get(name) : undefined;
}

function isHeaders(headers: unknown): headers is { get(name: string): string | undefined } {
  return typeof property(headers, 'get') === 'function';
}

function where(url: string, key: string): string {
  return key === '' ? url : `${url}: ${key}`;
}

function failure(place: string, { type, what, advice }: Meaning, details: object = {}): HoldfastError {
  return new HoldfastError(type, `${place}: ${what}`, { advice, ...details });
}

function meaningOf(cause: unknown): Meaning {
  const status = azureStatus(cause);
  const code = azureCode(cause);
  if (status === undefined) return unanswered(cause, code);
  const known = BY_CODE[code] ?? BY_STATUS[status];
  if (known) return known;
  // It was done, but the answer about it did not arrive whole.
  if (status < 300) return { type: 'Unavailable', what: 'the answer cannot be read', advice: '' };
  const what = `the store answered ${status}${code === '' ? '' : ` ${code}`}`;
  const passes = (status >= 500 && status !== LACKING) || TRANSIENT.has(status);
  return { type: passes ? 'Unavailable' : 'BadInput', what, advice: '' };
}

function unanswered(cause: unknown, code: string): Meaning {
  if (cause instanceof DeadlineExceeded) return { type: 'Unavailable', what: cause.message, advice: 'check the endpoint and the network' };
  const name = errorText(cause, 'name');
  if (/^(CredentialUnavailable|AggregateAuthentication|Authentication)(Required)?Error$/.test(name)) {
    const advice = 'set AZURE_STORAGE_CONNECTION_STRING, an account key or a SAS token, or give the machine an identity';
    return { type: 'Forbidden', what: 'no credentials were found', advice };
  }
  const reason = code || name || 'no reason given';
  return { type: 'Unavailable', what: `the request failed (${reason})`, advice: 'check account, endpoint and network' };
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
