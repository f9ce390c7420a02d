import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { listAt, textAt } from '../domain/resource/fields.ts';
import { AnswerTooLarge, LostAnswer, type WireAnswer } from './exchange.ts';
import { describe, type Operation } from './operation.ts';
import { retryAfterMs } from './retry-policy.ts';

/** The server's refusal, read from its `Status`. */
export interface Refusal {
  readonly message: string;
  /** `AlreadyExists`, `Expired`, `Invalid` ...; '' when the body is no Status. */
  readonly reason: string;
  /** The reasons of `details.causes`. */
  readonly causes: readonly string[];
  /** With an expired page token: one that goes on at a later revision. */
  readonly continueToken: string;
}

const LONGEST_MESSAGE = 600;

/** The failure that an answer outside of 2xx stands for. */
export function refusedFailure(operation: Operation, answer: WireAnswer): HoldfastError {
  const refusal = readRefusal(answer);
  const type = failureType(answer.status, refusal);
  const waitMs = type === FailureType.Unavailable ? retryAfterMs(answer) : undefined;
  return new HoldfastError(type, `${describe(operation)}: ${refusal.message}`, {
    advice: adviceFor(answer.status, refusal),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

/** The failure that no answer stands for. */
export function lostFailure(operation: Operation, error: unknown): unknown {
  if (error instanceof AnswerTooLarge) {
    return new HoldfastError(FailureType.BadInput, `${describe(operation)}: ${error.message}`, { cause: error });
  }
  if (!(error instanceof LostAnswer)) return error;
  const untrusted = isCertificateError(error);
  const detail = error.sent && !error.timedOut ? `the connection broke before the answer was complete (${error.message})` : error.message;
  return new HoldfastError(untrusted ? FailureType.BadInput : FailureType.Unavailable, `${describe(operation)}: ${detail}`, {
    advice: untrusted
      ? 'check certificate-authority, tls-server-name and the server address in the kubeconfig'
      : 'check that the API server runs and can be reached from here',
    cause: error,
  });
}

/** What the server says about its refusal; its status code when it says nothing. */
export function readRefusal(answer: WireAnswer): Refusal {
  const status = parseStatus(answer.body);
  return {
    message: oneLine(textAt(status, 'message')) || `the server answered with status ${answer.status}`,
    reason: textAt(status, 'reason'),
    causes: listAt(status, 'details', 'causes').map((cause) => textAt(cause, 'reason')),
    continueToken: textAt(status, 'metadata', 'continue'),
  };
}

/** Whether the failure is that the server's certificate is not trusted: trying again cannot help. */
export function isCertificateError(error: LostAnswer): boolean {
  const code = (error.cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_SSL|ERR_TLS|ERR_OSSL/.test(code);
}

const TYPE_BY_STATUS: ReadonlyMap<number, FailureType> = new Map([
  [401, FailureType.Forbidden],
  [403, FailureType.Forbidden],
  [404, FailureType.NotFound],
  [409, FailureType.Conflict],
  [410, FailureType.Conflict],
  [408, FailureType.Unavailable],
  [429, FailureType.Unavailable],
]);

function failureType(status: number, refusal: Refusal): FailureType {
  if (refusal.reason === 'AlreadyExists') return FailureType.AlreadyExists;
  if (isTerminating(refusal)) return FailureType.Conflict;
  return TYPE_BY_STATUS.get(status) ?? (status >= 500 ? FailureType.Unavailable : FailureType.BadInput);
}

function adviceFor(status: number, refusal: Refusal): string {
  if (isTerminating(refusal)) return 'wait until the namespace is gone, or restore into another one';
  if (status === 401) return 'the credentials are not accepted: log in again or renew them in the kubeconfig';
  if (status === 403) return 'grant the right to the identity that Holdfast uses';
  if (status === 413) return 'the object is larger than the API server takes';
  return '';
}

/** Nothing can be created in a namespace that is being deleted. */
function isTerminating(refusal: Refusal): boolean {
  return refusal.causes.includes('NamespaceTerminating');
}

/** Null for what is not the API server's own answer (a proxy's page, say). It is not repeated: nobody knows what is in it. */
function parseStatus(body: Buffer): Json {
  try {
    return parseLossless(body.toString('utf8'));
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}...` : line;
}
