import { HoldfastError } from '../../contracts/failures.ts';
import { assertKey, assertPrefix } from '../../storage/keys.ts';
import type { ByteRange, CallOptions, ObjectStore, StoredObject } from '../../storage/object-store.ts';

/** An object store in memory. It passes the contract suite; tests may look at and damage `objects`. */
export class MemoryStore implements ObjectStore {
  readonly url = 'memory://test';
  readonly capabilities = { atomicCreate: true };
  readonly objects = new Map<string, Buffer>();

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#enter(key, options);
    if (this.objects.has(key)) throw new HoldfastError('AlreadyExists', `${this.url}: ${key}: exists already`);
    this.objects.set(key, Buffer.from(body));
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
    return this.#describe(key);
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
    this.objects.delete(key);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #describe(key: string): StoredObject | undefined {
    const body = this.objects.get(key);
    return body && { key, sizeBytes: body.length, modifiedAt: new Date(0).toISOString() };
  }

  async #enter(key: string, options: CallOptions): Promise<void> {
    assertKey(this.url, key);
    options.signal?.throwIfAborted();
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
  }
}
