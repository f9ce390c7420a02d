/** How one request ended, as far as the load of the server is concerned. `neutral`: it says nothing about it. */
export type LoadSignal = 'ok' | 'overload' | 'neutral';

/** A permit to have one request under way. `release` must be called exactly once. */
export interface Permit {
  release(signal: LoadSignal): void;
}

interface LimitOptions {
  readonly start?: number;
  readonly max?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

interface Waiter {
  readonly grant: (permit: Permit) => void;
}

const START = 16;
const MAX = 128;
/** Latency counts as stable up to this multiple of the smallest seen: queueing behind a busy server shows as more. */
const STABLE_FACTOR = 10;
/** ... and always below this: between a fast network and a fast server, multiples of nearly nothing mean nothing. */
const STABLE_MS = 150;
/** Weight of the newest latency in the moving average. */
const SMOOTHING = 0.1;

/**
 * How many requests may be under way at once, found by trying (AIMD): doubles in each round trip at first, then grows by one, while
 * requests wait and latency stays stable; halves, once for each round trip, when the server says that it is overloaded or does not answer
 * in time. A `Retry-After` stops new requests until it has passed. First come, first served.
 */
export class AdaptiveLimit {
  #limit: number;
  readonly #max: number;
  readonly #now: () => number;
  readonly #waiting = new Set<Waiter>();
  #inFlight = 0;
  #doubling = true;
  #average = 0;
  #smallest = Infinity;
  #lastDecrease = -Infinity;
  #pausedUntil = -Infinity;
  #wake: NodeJS.Timeout | undefined;

  constructor(options: LimitOptions = {}) {
    this.#limit = options.start ?? START;
    this.#max = options.max ?? MAX;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Requests that may be under way at once; a whole number. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Waits for a permit. Rejects with the signal's reason, and then holds none. */
  acquire(signal?: AbortSignal): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(asError(signal.reason));
    if (this.#waiting.size === 0 && this.#mayStart(this.#now())) return Promise.resolve(this.#start());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grant: (permit) => {
          signal?.removeEventListener('abort', abort);
          resolve(permit);
        },
      };
      const abort = () => {
        this.#waiting.delete(waiter);
        reject(asError(signal?.reason));
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(waiter);
      this.#admit();
    });
  }

  /** No request starts for so long. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + milliseconds);
  }

  #mayStart(now: number): boolean {
    return this.#inFlight < this.limit && now >= this.#pausedUntil;
  }

  #start(): Permit {
    this.#inFlight += 1;
    const startedAt = this.#now();
    return {
      release: (signal) => {
        const wasFull = this.#inFlight >= this.limit;
        this.#inFlight -= 1;
        if (signal === 'ok') this.#onSuccess(this.#now() - startedAt, wasFull);
        if (signal === 'overload') this.#onOverload(startedAt);
        this.#admit();
      },
    };
  }

  #onSuccess(latency: number, wasFull: boolean): void {
    this.#smallest = Math.min(this.#smallest, latency);
    this.#average = this.#average === 0 ? latency : this.#average + SMOOTHING * (latency - this.#average);
    if (this.#average > Math.max(STABLE_MS, STABLE_FACTOR * this.#smallest)) this.#doubling = false;
    else if (wasFull) this.#limit = Math.min(this.#max, this.#limit + (this.#doubling ? 1 : 1 / this.#limit));
  }

  /** Requests that began before the last decrease say nothing about the limit after it. */
  #onOverload(startedAt: number): void {
    this.#doubling = false;
    if (startedAt < this.#lastDecrease) return;
    this.#lastDecrease = this.#now();
    this.#limit = Math.max(1, this.#limit / 2);
  }

  #admit(): void {
    // One look at the clock: a pause that ended between two would leave those who wait without anybody to wake them.
    const now = this.#now();
    for (const waiter of this.#waiting) {
      if (!this.#mayStart(now)) break;
      this.#waiting.delete(waiter);
      waiter.grant(this.#start());
    }
    const pause = this.#pausedUntil - now;
    if (this.#waiting.size > 0 && pause > 0 && !this.#wake) {
      this.#wake = setTimeout(() => {
        this.#wake = undefined;
        this.#admit();
      }, pause);
    }
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
