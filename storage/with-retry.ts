import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../contracts/failures.ts';
import type {
  ByteRange,
  CallOptions,
  LargeOptions,
  LargeSource,
  ObjectStore,
  StoreCapabilities,
  StoredObject,
  StoreFacts,
  StorePlace,
} from './object-store.ts';

export interface RetryPolicy {
  /** Attempts of one call, the first included. */
  readonly attempts: number;
  /** Milliseconds that all waiting of one call may take together. */
  readonly maxWaitMs: number;
  /** Milliseconds before the second attempt; doubles each time, with jitter. */
  readonly firstWaitMs: number;
  /** Milliseconds that one wait takes at most. */
  readonly longestWaitMs: number;
}

/** A store that is away for longer is Temporal's business: the activity fails as `Unavailable` and is tried again later. */
const DEFAULT_POLICY: RetryPolicy = { attempts: 6, maxWaitMs: 30_000, firstWaitMs: 100, longestWaitMs: 5_000 };

/** The same store, where `Unavailable` is tried again: exponential backoff with full jitter, never less than the server asked for. */
export function withRetry(store: ObjectStore, policy: Partial<RetryPolicy> = {}): ObjectStore {
  return new RetryingStore(store, { ...DEFAULT_POLICY, ...policy });
}

/** How much of an object is compared at once. */
const COMPARED_BYTES = 8 * 1024 * 1024;

class RetryingStore implements ObjectStore {
  readonly url: string;
  readonly place: StorePlace;
  /** There when the store has it. */
  readonly tryOverwrite?: NonNullable<ObjectStore['tryOverwrite']>;
  readonly capabilities: StoreCapabilities;
  readonly #store: ObjectStore;
  readonly #policy: RetryPolicy;

  constructor(store: ObjectStore, policy: RetryPolicy) {
    this.#store = store;
    this.#policy = policy;
    this.url = store.url;
    this.place = store.place;
    const overwrite = store.tryOverwrite?.bind(store);
    if (overwrite) this.tryOverwrite = (key, body, options = {}) => this.#retry(options, () => overwrite(key, body, options));
    this.capabilities = store.capabilities;
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    const source = { sizeBytes: body.byteLength, read: ({ offset, length }: ByteRange) => body.subarray(offset, offset + length) };
    await this.#retry(
      options,
      this.#unlessOurs({ key, source, ...options }, () => this.#store.create(key, body, options)),
    );
  }

  /** Every part that was sent is progress, from which attempts and waiting are counted anew. */
  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    let most = 0;
    let waiting = this.#budget();
    const onProgress = (sentBytes: number): void => {
      if (sentBytes <= most) return;
      most = sentBytes;
      waiting = this.#budget();
      options.onProgress?.(sentBytes);
    };
    const attempt = this.#unlessOurs({ key, source, ...options }, () => this.#store.createLarge(key, source, { ...options, onProgress }));
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        await waiting.pause(error, options.signal);
      }
    }
  }

  read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    return this.#retry(options, () => this.#store.read(key, range, options));
  }

  stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    return this.#retry(options, () => this.#store.stat(key, options));
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    const waiting = this.#budget();
    let after = options.after;
    for (;;) {
      try {
        for await (const object of this.#store.list(prefix, after === undefined ? options : { ...options, after })) {
          yield object;
          after = object.key;
          waiting.reset();
        }
        return;
      } catch (error) {
        await waiting.pause(error, options.signal);
      }
    }
  }

  delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#retry(options, () => this.#store.delete(key, options));
  }

  canCopyFrom(source: StorePlace): boolean {
    return this.#store.canCopyFrom(source);
  }

  /** For content-addressed keys: who finds the key taken after a failure reads what is there, as the caller of any copy has to. */
  copyFrom(source: StorePlace, key: string, options: CallOptions = {}): Promise<void> {
    return this.#retry(options, () => this.#store.copyFrom(source, key, options));
  }

  lock(key: string, until: string, options: CallOptions = {}): Promise<void> {
    return this.#retry(options, () => this.#store.lock(key, until, options));
  }

  facts(options: CallOptions = {}): Promise<StoreFacts> {
    return this.#retry(options, () => this.#store.facts(options));
  }

  prepare(options: CallOptions = {}): Promise<void> {
    return this.#retry(options, () => this.#store.prepare(options));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /**
   * "Done, but the answer was lost": after a failure whose effect is unknown, what exists is ours when it is byte for byte what we sent.
   */
  #unlessOurs(sent: Sent, write: () => Promise<void>): () => Promise<void> {
    let effectUnknown = false;
    return async () => {
      try {
        await write();
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error;
        if (error.type === 'AlreadyExists' && effectUnknown && (await this.#holds(sent))) return;
        effectUnknown ||= error.type === 'Unavailable';
        throw error;
      }
    };
  }

  async #holds({ key, source, ...options }: Sent): Promise<boolean> {
    if ((await this.#store.stat(key, options))?.sizeBytes !== source.sizeBytes) return false;
    for (let offset = 0; offset < source.sizeBytes; offset += COMPARED_BYTES) {
      const range = { offset, length: Math.min(COMPARED_BYTES, source.sizeBytes - offset) };
      const [there, wanted] = await Promise.all([this.#store.read(key, range, options), source.read(range)]);
      if (!there.equals(wanted)) return false;
    }
    return true;
  }

  async #retry<T>(options: CallOptions, action: () => Promise<T>): Promise<T> {
    const waiting = this.#budget();
    for (;;) {
      try {
        return await action();
      } catch (error) {
        await waiting.pause(error, options.signal);
      }
    }
  }

  #budget(): WaitingBudget {
    return new WaitingBudget(this.#policy);
  }
}

/** What was sent, to be compared. */
interface Sent extends CallOptions {
  readonly key: string;
  readonly source: { readonly sizeBytes: number; read(range: ByteRange): Uint8Array | Promise<Uint8Array> };
}

/** How often and how long one call may still wait. */
class WaitingBudget {
  readonly #policy: RetryPolicy;
  #failures = 0;
  #waitedMs = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** Progress was made: attempts count from the beginning, the time does not. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next attempt, or throws the error when it is not worth one. Ends with the signal's reason when that fires. */
  async pause(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!(error instanceof HoldfastError) || error.type !== 'Unavailable') throw error;
    this.#failures++;
    const ceiling = Math.min(this.#policy.firstWaitMs * 2 ** (this.#failures - 1), this.#policy.longestWaitMs);
    const waitMs = Math.max(Math.random() * ceiling, error.retryAfterMs ?? 0);
    this.#waitedMs += waitMs;
    if (this.#failures >= this.#policy.attempts || this.#waitedMs > this.#policy.maxWaitMs) throw error;
    try {
      await sleep(waitMs, undefined, signal ? { signal } : {});
    } catch {
      signal?.throwIfAborted();
    }
  }
}
