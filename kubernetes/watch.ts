import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { field, isObject, textAt } from '../domain/resource/fields.ts';
import { lostFailure, refusedFailure } from './failures.ts';
import { LostAnswer } from './exchange.ts';
import type { HttpClient, StreamAnswer } from './http-client.ts';
import { splitLines } from './lines.ts';
import { describe, subjectOf, type Operation } from './operation.ts';
import { collectionPath, withQuery } from './paths.ts';
import type { CallOptions, WatchEvent, WatchRequest } from './port.ts';

/** Nothing for so long, not even a bookmark, means that nobody is at the other end; asking again costs next to nothing. */
const IDLE_MS = 60_000;
/** The server ends the watch after this time, in seconds, and we go on with a new one. */
const SERVER_TIMEOUT_S = 290;
/** Without any contact for so long the watch fails: never waiting for ever. */
const PATIENCE_MS = 300_000;
const SHORTEST_MS = 1_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;

interface WatchOptions extends WatchRequest, CallOptions {
  /** After how many milliseconds of silence a connection is left. */
  readonly idleMs?: number;
}

interface Position {
  revision: string;
  failures: number;
  lastContact: number;
}

/**
 * Events of a collection, from a revision on, over as many connections as it takes. Ends when the signal is aborted. Rejects with `Conflict`
 * when the server no longer knows the revision (list again), `Unavailable` after five minutes without the server, and at once when it refuses.
 */
export async function* watch(client: HttpClient, cluster: string, request: WatchOptions): AsyncGenerator<WatchEvent> {
  const operation = { verb: 'watch', subject: subjectOf(request), cluster };
  const position: Position = { revision: request.fromRevision, failures: 0, lastContact: performance.now() };
  const { signal } = request;
  while (!isAborted(signal)) {
    const openedAt = performance.now();
    try {
      yield* oneConnection(client, { request, operation, position });
      // A server that closes at once must not be asked in a tight loop.
      if (performance.now() - openedAt < SHORTEST_MS) position.failures += 1;
    } catch (error) {
      if (isAborted(signal)) return;
      if (!mayReconnect(error) || performance.now() - position.lastContact > PATIENCE_MS) throw error;
      position.failures += 1;
    }
    if (position.failures > 0) await pause(position.failures, signal);
  }
}

interface Connection {
  readonly request: WatchOptions;
  readonly operation: Operation;
  readonly position: Position;
}

async function* oneConnection(client: HttpClient, { request, operation, position }: Connection): AsyncGenerator<WatchEvent> {
  const idle = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, idle.signal]) : idle.signal;
  const idleMs = request.idleMs ?? IDLE_MS;
  const timer = setTimeout(() => {
    idle.abort(new LostAnswer(`nothing came for ${idleMs / 1_000} s`, { sent: true, timedOut: true, cause: undefined }));
  }, idleMs);
  const path = withQuery(collectionPath(request.type, request.namespace), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: position.revision,
    labelSelector: request.labelSelector,
    timeoutSeconds: String(SERVER_TIMEOUT_S),
  });
  try {
    const answer = await client.stream({ method: 'GET', path, operation, signal });
    if (answer.status !== 200) throw refusedFailure(operation, await wholeAnswer(answer));
    for await (const line of splitLines(answer.body)) {
      timer.refresh();
      position.lastContact = performance.now();
      const event = readEvent(operation, line);
      position.revision = textAt(event.object, 'metadata', 'resourceVersion') || position.revision;
      position.failures = 0;
      if (event.type !== 'BOOKMARK') yield { type: event.type, object: event.object };
    }
  } catch (error) {
    throw error instanceof HoldfastError ? error : lostFailure(operation, asLost(error));
  } finally {
    clearTimeout(timer);
  }
}

interface ServerEvent {
  readonly type: WatchEvent['type'] | 'BOOKMARK';
  readonly object: JsonObject;
}

function readEvent(operation: Operation, line: string): ServerEvent {
  const event = parseLossless(line);
  const type = textAt(event, 'type');
  const object = field(event, 'object');
  if (type === 'ERROR') {
    const code = field(object, 'code');
    const status = typeof code === 'number' ? code : 500;
    throw refusedFailure(operation, { status, headers: {}, body: Buffer.from(JSON.stringify(object ?? null)) });
  }
  const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
  if (!known || !isObject(object)) throw new HoldfastError(FailureType.Unavailable, `${describe(operation)}: an event cannot be read`);
  return { type, object };
}

async function wholeAnswer({ status, body }: StreamAnswer) {
  return { status, headers: {}, body: Buffer.from(await body.arrayBuffer()) };
}

function asLost(error: unknown): unknown {
  if (error instanceof LostAnswer) return error;
  const message = error instanceof SyntaxError ? 'an event is cut short' : error instanceof Error ? error.message : String(error);
  return new LostAnswer(message, { sent: true, timedOut: false, cause: error });
}

function mayReconnect(error: unknown): boolean {
  return error instanceof HoldfastError && error.type === FailureType.Unavailable;
}

async function pause(failures: number, signal: AbortSignal | undefined): Promise<void> {
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
  await sleep(delay, undefined, signal ? { signal } : {}).catch(() => undefined);
}

/** A function, because the compiler takes an aborted flag that it has seen false to stay false. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
