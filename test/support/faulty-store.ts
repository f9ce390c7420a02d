import { HoldfastError } from '../../contracts/failures.ts';
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
} from '../../storage/object-store.ts';

export type StoreMethod = 'create' | 'createLarge' | 'copyFrom' | 'lock' | 'facts' | 'read' | 'stat' | 'list' | 'delete';

/** Decides the fate of a call: pass it on, fail before it has an effect, or after (the answer is lost). */
export type Fault = (call: { readonly number: number; readonly method: StoreMethod; readonly key: string }) => 'none' | 'before' | 'after';

/** A store in front of another one that fails as told. `calls` counts from 1. */
export class FaultyStore implements ObjectStore {
  readonly url: string;
  readonly place: StorePlace;
  readonly capabilities: StoreCapabilities;
  calls = 0;
  readonly #store: ObjectStore;
  readonly #fault: Fault;

  constructor(store: ObjectStore, fault: Fault) {
    this.#store = store;
    this.#fault = fault;
    this.url = store.url;
    this.place = store.place;
    this.capabilities = store.capabilities;
  }

  create(key: string, body: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#pass('create', key, () => this.#store.create(key, body, options));
  }

  createLarge(key: string, source: LargeSource, options?: LargeOptions): Promise<void> {
    return this.#pass('createLarge', key, () => this.#store.createLarge(key, source, options));
  }

  canCopyFrom(source: StorePlace): boolean {
    return this.#store.canCopyFrom(source);
  }

  copyFrom(source: StorePlace, key: string, options?: CallOptions): Promise<void> {
    return this.#pass('copyFrom', key, () => this.#store.copyFrom(source, key, options));
  }

  lock(key: string, until: string, options?: CallOptions): Promise<void> {
    return this.#pass('lock', key, () => this.#store.lock(key, until, options));
  }

  facts(options?: CallOptions): Promise<StoreFacts> {
    return this.#pass('facts', '', () => this.#store.facts(options));
  }

  read(key: string, range?: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.#pass('read', key, () => this.#store.read(key, range, options));
  }

  stat(key: string, options?: CallOptions): Promise<StoredObject | undefined> {
    return this.#pass('stat', key, () => this.#store.stat(key, options));
  }

  async *list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncGenerator<StoredObject> {
    const fault = this.#decide('list', prefix);
    if (fault === 'before') throw this.#error('list', prefix);
    yield* this.#store.list(prefix, options);
    if (fault === 'after') throw this.#error('list', prefix);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#pass('delete', key, () => this.#store.delete(key, options));
  }

  prepare(options?: CallOptions): Promise<void> {
    return this.#store.prepare(options);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #pass<T>(method: StoreMethod, key: string, call: () => Promise<T>): Promise<T> {
    const fault = this.#decide(method, key);
    if (fault === 'before') throw this.#error(method, key);
    const result = await call();
    if (fault === 'after') throw this.#error(method, key);
    return result;
  }

  #decide(method: StoreMethod, key: string): ReturnType<Fault> {
    return this.#fault({ number: ++this.calls, method, key });
  }

  #error(method: StoreMethod, key: string): HoldfastError {
    return new HoldfastError('Unavailable', `${this.url}: ${key}: injected fault in ${method}`);
  }
}
