import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';

/** One request as it goes over the wire. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | undefined;
  /** Protocol to leave HTTP for. */
  readonly upgrade?: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The connection, when the server agreed to the upgrade (status 101). The caller's: to be destroyed in every case. */
  readonly socket?: Duplex;
}

export interface ExchangeLimits {
  /** For the whole exchange, the body included. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** No answer, or not a whole one. */
export class LostAnswer extends Error {
  override readonly name = 'LostAnswer';
  /** False when it is certain that the server has seen nothing of the request. */
  readonly sent: boolean;
  readonly timedOut: boolean;

  constructor(message: string, state: { readonly sent: boolean; readonly timedOut: boolean; readonly cause: unknown }) {
    super(message, { cause: state.cause });
    this.sent = state.sent;
    this.timedOut = state.timedOut;
  }
}

/** The answer is larger than anybody can want. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

/**
 * Sends one request once and reads the whole answer. Rejects with `LostAnswer`, `AnswerTooLarge` or, at once, the signal's reason. A body that
 * ends before its declared length is a `LostAnswer`.
 */
export async function exchange(
  { dispatcher, origin }: { readonly dispatcher: Dispatcher; readonly origin: string },
  request: WireRequest,
  limits: ExchangeLimits,
): Promise<WireAnswer> {
  limits.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const handler = new AnswerReader(limits, { resolve, reject });
    try {
      dispatcher.dispatch({ origin, ...request, body: request.body ?? null, headersTimeout: 0, bodyTimeout: 0 }, handler);
    } catch (error) {
      handler.fail(error);
    }
  });
}

type UpgradeArguments = Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>;

interface Outcome {
  readonly resolve: (answer: WireAnswer) => void;
  readonly reject: (error: unknown) => void;
}

class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #limits: ExchangeLimits;
  readonly #outcome: Outcome;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #size = 0;
  #status = 0;
  #headers: WireAnswer['headers'] = {};
  #settled = false;

  constructor(limits: ExchangeLimits, outcome: Outcome) {
    this.#limits = limits;
    this.#outcome = outcome;
    this.#timer = setTimeout(() => {
      this.#stop(this.#lost(`no answer within ${limits.timeoutMs / 1_000} s`, true));
    }, limits.timeoutMs);
    limits.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new Error('nobody waits for this request any more'));
  }

  onRequestUpgrade(...[, status, headers, socket]: UpgradeArguments): void {
    if (this.#settle()) this.#outcome.resolve({ status, headers, body: Buffer.alloc(0), socket });
    else socket.destroy();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: WireAnswer['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= this.#limits.maxBodyBytes) this.#chunks.push(chunk);
    else this.#stop(new AnswerTooLarge(`the answer is larger than ${this.#limits.maxBodyBytes} bytes`));
  }

  onResponseEnd(): void {
    if (this.#settle())
      this.#outcome.resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks, this.#size) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#outcome.reject(this.#lost(error instanceof Error ? error.message : String(error), false, error));
  }

  readonly #onAbort = (): void => {
    this.#stop(this.#limits.signal?.reason);
  };

  /** Ends the exchange from our side. A connection that was in use is closed: the rest of the answer would be taken for the next one. */
  #stop(reason: unknown): void {
    if (!this.#settle()) return;
    this.#outcome.reject(reason);
    this.#controller?.abort(new Error('given up'));
  }

  #lost(message: string, timedOut: boolean, cause?: unknown): LostAnswer {
    return new LostAnswer(message, { sent: this.#controller !== undefined, timedOut, cause });
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
