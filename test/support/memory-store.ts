import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../contracts/failures.ts';
import { assertKey, assertPrefix } from '../../storage/keys.ts';
import type {
  ByteRange,
  CallOptions,
  LargeOptions,
  LargeSource,
  ObjectStore,
  StoredObject,
  StoreFacts,
  StorePlace,
} from '../../storage/object-store.ts';

const PART_BYTES = 8 * 1024 * 1024;

/** An object store in memory. It passes the contract suite; tests may look at and damage `objects`. */
export class MemoryStore implements ObjectStore {
  readonly url = 'memory://test';
  readonly place: StorePlace = { scheme: 'file', endpoint: 'memory', bucket: randomUUID(), prefix: '' };
  readonly capabilities = { atomicCreate: true, resumableUploads: false, objectLock: true };
  readonly objects = new Map<string, Buffer>();
  /** ISO-8601, by key. */
  readonly locks = new Map<string, string>();
  /** When each object was written; absent means 1970. */
  readonly times = new Map<string, string>();

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#enter(key, options);
    if (this.objects.has(key)) throw new HoldfastError('AlreadyExists', `${this.url}: ${key}: exists already`);
    this.objects.set(key, Buffer.from(body));
  }

  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    await this.#enter(key, options);
    if (this.objects.has(key)) throw new HoldfastError('AlreadyExists', `${this.url}: ${key}: exists already`);
    const body = Buffer.alloc(source.sizeBytes);
    for (let offset = 0; offset < body.length; offset += PART_BYTES) {
      options.signal?.throwIfAborted();
      const length = Math.min(PART_BYTES, body.length - offset);
      body.set(await source.read({ offset, length }), offset);
      options.onProgress?.(offset + length);
    }
    await this.create(key, body, options);
    if (body.length === 0) options.onProgress?.(0);
  }

  canCopyFrom(): boolean {
    return false;
  }

  copyFrom(): Promise<void> {
    return Promise.reject(new HoldfastError('BadInput', `${this.url}: cannot copy by itself`));
  }

  async lock(key: string, until: string, options: CallOptions = {}): Promise<void> {
    await this.#enter(key, options);
    if (!this.objects.has(key)) throw new HoldfastError('NotFound', `${this.url}: ${key}: does not exist`);
    if (until > (this.locks.get(key) ?? '')) this.locks.set(key, until);
  }

  facts(): Promise<StoreFacts> {
    return Promise.resolve({ serverTime: new Date().toISOString(), versioning: false, objectLock: true });
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    await this.#enter(key, options);
    const body = this.objects.get(key);
    if (!body) throw new HoldfastError('NotFound', `${this.url}: ${key}: does not exist`);
    const end = range ? range.offset + range.length : body.length;
    if (end > body.length) throw new HoldfastError('Damaged', `${this.url}: ${key} ends before byte ${end}`);
    return Buffer.from(body.subarray(range?.offset ?? 0, end));
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    await this.#enter(key, options);
    const [found, until] = [this.#describe(key), this.#lockOf(key)];
    return found && { ...found, ...(until === undefined ? {} : { lockedUntil: until }) };
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > (options.after ?? ''));
    for (const key of keys.sort()) {
      await this.#enter(key, options);
      const found = this.#describe(key);
      if (found) yield found;
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    await this.#enter(key, options);
    if (this.#lockOf(key) !== undefined) throw new HoldfastError('Locked', `${this.url}: ${key}: is locked`);
    this.objects.delete(key);
    this.locks.delete(key);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #describe(key: string): StoredObject | undefined {
    const body = this.objects.get(key);
    return body && { key, sizeBytes: body.length, modifiedAt: this.times.get(key) ?? new Date(0).toISOString() };
  }

  #lockOf(key: string): string | undefined {
    const until = this.locks.get(key);
    return until !== undefined && Date.parse(until) > Date.now() ? until : undefined;
  }

  async #enter(key: string, options: CallOptions): Promise<void> {
    assertKey(this.url, key);
    options.signal?.throwIfAborted();
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
  }
}
