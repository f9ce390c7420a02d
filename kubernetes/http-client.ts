import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { AdaptiveLimit, type LoadSignal } from './adaptive-limit.ts';
import type { ClusterAccess, Credentials } from './cluster-access.ts';
import { openConnections, sameTls } from './connections.ts';
import { exchange, LostAnswer, type WireAnswer, type WireRequest } from './exchange.ts';
import { isCertificateError, lostFailure } from './failures.ts';
import type { Operation } from './operation.ts';
import { proxyFor } from './proxy.ts';
import { retryAfterMs, retryDelay, type AttemptOutcome } from './retry-policy.ts';

export interface ApiRequest {
  readonly method: WireRequest['method'];
  /** With the query, below the server's own path. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly operation: Operation;
  readonly signal?: AbortSignal | undefined;
  /** Leaves HTTP for this protocol, with these headers; for `HttpClient.upgrade`. */
  readonly upgrade?: { readonly protocol: string; readonly headers: Readonly<Record<string, string>> };
}

export interface HttpClientOptions {
  /** How long a request is tried again, in milliseconds. */
  readonly patienceMs?: number;
  /** For one attempt. The API server itself gives up after 60 s. */
  readonly timeoutMs?: number;
  readonly maxBodyBytes?: number;
}

/** An answer whose body arrives over time. */
export interface StreamAnswer {
  readonly status: number;
  readonly body: Dispatcher.ResponseData['body'];
}

const PATIENCE_MS = 60_000;
/** A server that has never answered is more likely the wrong address than one that restarts. */
const FIRST_CONTACT_PATIENCE_MS = 5_000;
const TIMEOUT_MS = 65_000;
const MAX_BODY_BYTES = 512 * 1024 * 1024;

/**
 * Speaks HTTP to one API server: connections, credentials, limits and retries. Every HTTP status is an answer, also after the last retry;
 * no answer at all is a `HoldfastError` (`Unavailable`; `BadInput` when the server's certificate is not trusted).
 */
export class HttpClient {
  readonly #access: ClusterAccess;
  readonly #server: URL;
  readonly #options: HttpClientOptions;
  readonly #reads = new AdaptiveLimit();
  readonly #writes = new AdaptiveLimit();
  #connections: { readonly dispatcher: Dispatcher; readonly tls: Credentials['tls'] } | undefined;
  readonly #sockets = new Set<Duplex>();
  #credentialsAge = 0;
  #answered = false;

  constructor(access: ClusterAccess, options: HttpClientOptions = {}) {
    this.#access = access;
    this.#server = new URL(access.server);
    this.#options = options;
  }

  /** Sends until there is an answer that stands. Rejects with the signal's reason when it is aborted. */
  async send(request: ApiRequest): Promise<WireAnswer> {
    const begin = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(request);
      const delay = this.#mayRepeat(outcome) ? retryDelay(request.method, outcome, attempt) : undefined;
      if (delay === undefined || performance.now() - begin + delay > this.#patience) {
        if ('answer' in outcome) return outcome.answer;
        throw lostFailure(request.operation, outcome.error);
      }
      await this.#wait(delay, request.signal);
    }
  }

  /** Opens an answer that lasts; it counts against no limit and is not retried. The caller ends it with the signal. */
  async stream(request: ApiRequest): Promise<StreamAnswer> {
    const open = async () => {
      const { wire, dispatcher } = await this.#prepare(request);
      const target = { origin: this.#server.origin, method: wire.method, path: wire.path, headers: wire.headers };
      const answer: Dispatcher.ResponseData = await dispatcher.request({
        ...target,
        ...(request.signal ? { signal: request.signal } : {}),
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: 0,
      });
      return { status: answer.statusCode, body: answer.body };
    };
    const age = this.#credentialsAge;
    const first = await open();
    if (first.status !== 401) return first;
    await first.body.dump();
    this.#refresh(age);
    return open();
  }

  /**
   * Asks once to leave HTTP; again only after a 401, which was not executed. The answer has a `socket` when the server agreed. It counts
   * against no limit from then on, and lives until it is destroyed or the client is closed.
   */
  async upgrade(request: ApiRequest): Promise<WireAnswer> {
    const outcome = await this.#attempt(request);
    if (!('answer' in outcome)) throw lostFailure(request.operation, outcome.error);
    const { socket } = outcome.answer;
    if (socket) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    return outcome.answer;
  }

  /** Ends every request that is under way. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#connections?.dispatcher.destroy();
  }

  get #patience(): number {
    const patience = this.#options.patienceMs ?? PATIENCE_MS;
    return this.#answered ? patience : Math.min(patience, FIRST_CONTACT_PATIENCE_MS);
  }

  async #attempt(request: ApiRequest): Promise<AttemptOutcome> {
    const age = this.#credentialsAge;
    const outcome = await this.#attemptOnce(request);
    if (!('answer' in outcome) || outcome.answer.status !== 401) return outcome;
    // A 401 was not executed, so that any method may be sent again.
    this.#refresh(age);
    return this.#attemptOnce(request);
  }

  async #attemptOnce(request: ApiRequest): Promise<AttemptOutcome> {
    const limit = request.method === 'GET' ? this.#reads : this.#writes;
    const permit = await limit.acquire(request.signal);
    let signal: LoadSignal = 'neutral';
    try {
      const { wire, dispatcher } = await this.#prepare(request);
      const answer = await exchange({ dispatcher, origin: this.#server.origin }, wire, {
        timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
        maxBodyBytes: this.#options.maxBodyBytes ?? MAX_BODY_BYTES,
        signal: request.signal,
      });
      this.#answered = true;
      signal = this.#loadOf(answer);
      return { answer };
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof LostAnswer && error.timedOut) signal = 'overload';
      return { error };
    } finally {
      permit.release(signal);
    }
  }

  #loadOf(answer: WireAnswer): LoadSignal {
    const overloaded = answer.status === 429 || answer.status === 503 || answer.status === 504;
    if (!overloaded) return 'ok';
    const pause = retryAfterMs(answer);
    if (pause === undefined && answer.status !== 429) return 'neutral';
    this.#reads.pause(pause ?? 0);
    this.#writes.pause(pause ?? 0);
    return 'overload';
  }

  async #prepare(request: ApiRequest): Promise<{ readonly wire: WireRequest; readonly dispatcher: Dispatcher }> {
    const credentials = await this.#access.credentials();
    const headers = {
      accept: request.accept ?? 'application/json',
      // Compressing costs the API server more than the network gains; within a data centre it is the slower way.
      'accept-encoding': 'identity',
      'user-agent': 'holdfast',
      ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      ...credentials.headers,
      ...request.upgrade?.headers,
    };
    const path = this.#server.pathname.replace(/\/$/, '') + request.path;
    const upgrade = request.upgrade ? { upgrade: request.upgrade.protocol } : {};
    const wire = { method: request.method, path, headers, body: request.body, ...upgrade };
    return { wire, dispatcher: this.#dispatcherFor(credentials.tls) };
  }

  #dispatcherFor(tls: Credentials['tls']): Dispatcher {
    const current = this.#connections;
    if (current && (current.tls === tls || sameTls(current.tls, tls))) return current.dispatcher;
    const dispatcher = openConnections(this.#server, tls, proxyFor(this.#server, this.#access.proxyUrl, process.env));
    this.#connections = { dispatcher, tls };
    // Requests under way with the old certificate are left to end.
    current?.dispatcher.close().catch(() => undefined);
    return dispatcher;
  }

  /** Of many requests that meet a 401 at once, the first refreshes. */
  #refresh(age: number): void {
    if (age !== this.#credentialsAge) return;
    this.#credentialsAge += 1;
    this.#access.refresh();
  }

  #mayRepeat(outcome: AttemptOutcome): boolean {
    return !('error' in outcome && outcome.error instanceof LostAnswer && isCertificateError(outcome.error));
  }

  async #wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(milliseconds, undefined, signal ? { signal } : {});
    } catch {
      signal?.throwIfAborted();
    }
  }
}
