/**
 * The port to the place where recovery points are kept. Every driver passes test/contract/object-store.suite.ts.
 *
 * Obligations of every method:
 * 1. It may be called again after a failure whose effect is unknown; all methods are idempotent.
 * 2. Errors are `HoldfastError`s that name the location and the key. `Unavailable` means that trying again may help, everything else that it
 *    will not: `NotFound` (no such object), `AlreadyExists`, `Forbidden`, `LocationGone` (no such bucket or folder).
 * 3. `signal` ends the call promptly with the signal's reason; nothing half-written becomes visible.
 * 4. Keys are relative, `/`-separated, from [a-z0-9._-]; a driver refuses others with `BadInput`.
 */
export interface ObjectStore {
  /** For messages: the URL without credentials. */
  readonly url: string;
  readonly capabilities: StoreCapabilities;

  /**
   * Writes a whole object, durably, if and only if the key is free. A key that exists is `AlreadyExists`, also when the content is the same.
   * Readers see all of it or nothing.
   */
  create(key: string, body: Uint8Array, options?: CallOptions): Promise<void>;
  /**
   * The whole object, or `range.length` bytes from `range.offset`; never a short buffer. An answer cut short on its way is `Unavailable`;
   * an object that ends before the range does is `Damaged`, since trying again cannot help.
   */
  read(key: string, range?: ByteRange, options?: CallOptions): Promise<Buffer>;
  /** Size and time of an object, or undefined when there is none. */
  stat(key: string, options?: CallOptions): Promise<StoredObject | undefined>;
  /** Every object below a prefix (which ends with `/` or is ''), in the order of keys as bytes; after `after` when given. Half-written ones never appear. */
  list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<StoredObject>;
  /** Removes an object; succeeds when there is none. */
  delete(key: string, options?: CallOptions): Promise<void>;
  /** Makes the bucket's folder or the directory ready for use. Does not create buckets. */
  prepare(options?: CallOptions): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Bytes `offset` to `offset + length - 1`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO-8601, by the store's clock. */
  readonly modifiedAt: string;
}

/** What a store can do, declared, never guessed from its kind. */
export interface StoreCapabilities {
  /** `create` is decided by the store itself, also between machines. */
  readonly atomicCreate: boolean;
}
