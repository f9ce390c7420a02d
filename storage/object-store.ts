/**
 * The port to the place where recovery points are kept. Every driver passes test/contract/object-store.suite.ts.
 *
 * Obligations of every method:
 * 1. It may be called again after a failure whose effect is unknown; all methods are idempotent.
 * 2. Errors are `HoldfastError`s that name the location and the key. `Unavailable` means that trying again may help, everything else that it
 *    will not: `NotFound` (no such object), `AlreadyExists`, `Forbidden`, `LocationGone` (no such bucket or folder), `Locked`.
 * 3. `signal` ends the call promptly with the signal's reason; nothing half-written becomes visible.
 * 4. Keys are relative, `/`-separated, from [a-z0-9._-]; a driver refuses others with `BadInput`.
 */
export interface ObjectStore {
  /** For messages: the URL without credentials. */
  readonly url: string;
  readonly place: StorePlace;
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
  /**
   * As `create`, for bodies too large for memory: at most a few parts of them are held at once. Cut off at any moment, also by the death of
   * the process, nothing becomes visible; where `resumableUploads` is declared, the next call with the same key and fingerprint sends only
   * the parts that the store does not have yet. Parts are used when they are known to hold the content of this source, never because of
   * their place alone. Of two processes that send the same content at once both may be told that they have created it.
   */
  createLarge(key: string, source: LargeSource, options?: LargeOptions): Promise<void>;
  /** Whether `copyFrom` works between that place and this one: same kind of store, same endpoint, credentials of ours. */
  canCopyFrom(source: StorePlace): boolean;
  /**
   * Lets the store itself copy an object, under the same key; the bytes do not pass through here. For content-addressed keys only: of two
   * calls at once both may write. `AlreadyExists` when the key is taken, `NotFound` when the source is not there.
   */
  copyFrom(source: StorePlace, key: string, options?: CallOptions): Promise<void>;
  /** Removes an object so that its space is free, all its versions included; succeeds when there is none. `Locked` while a lock holds it. */
  delete(key: string, options?: CallOptions): Promise<void>;
  /**
   * Forbids deletion and overwriting until then (ISO-8601). Locks are only ever extended: an earlier time changes nothing. `BadInput` where
   * `objectLock` is not declared, `NotFound` when there is no such object.
   */
  lock(key: string, until: string, options?: CallOptions): Promise<void>;
  /**
   * Replaces an object without any condition, as an intruder with our credentials would. For `location check` alone, to learn whether they
   * are refused (`Forbidden`, `Locked`); absent where a right to do so cannot be told from the right to create or to delete.
   */
  tryOverwrite?(key: string, body: Uint8Array, options?: CallOptions): Promise<void>;
  /** What the store says about itself, for `location check`. `LocationGone` when it is not there. */
  facts(options?: CallOptions): Promise<StoreFacts>;
  /** Makes the bucket's folder or the directory ready for use. Does not create buckets. */
  prepare(options?: CallOptions): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface LargeOptions extends CallOptions {
  readonly onProgress?: (sentBytes: number) => void;
}

/** A body that can be read again from any offset. */
export interface LargeSource {
  readonly sizeBytes: number;
  /** Lower-case hex that stands for the content: parts that were sent for another one are not used. */
  readonly fingerprint: string;
  /** Exactly `range.length` bytes. */
  read(range: ByteRange): Promise<Uint8Array>;
}

/** Where a store keeps its objects, as data: two stores can tell whether a copy between them needs to pass through here. */
export interface StorePlace {
  readonly scheme: 'file' | 's3' | 'gs' | 'azblob';
  /** Endpoint or account; '' for the provider's own. */
  readonly endpoint: string;
  /** Bucket, container or root folder. */
  readonly bucket: string;
  /** '' or ending with `/`. */
  readonly prefix: string;
}

export interface StoreFacts {
  /** ISO-8601, the store's own clock at the time of the call. */
  readonly serverTime: string;
  /** Whether the store keeps earlier versions of objects; undefined when it does not say or we may not ask. */
  readonly versioning: boolean | undefined;
  /** Whether objects of this bucket can be locked; undefined when we may not ask. */
  readonly objectLock: boolean | undefined;
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
  /** ISO-8601; set by `stat` alone, when a lock or a hold protects the object. */
  readonly lockedUntil?: string;
}

/** What a store can do, declared, never guessed from its kind. */
export interface StoreCapabilities {
  /** `create` is decided by the store itself, also between machines. */
  readonly atomicCreate: boolean;
  /** `createLarge` goes on after a crash with the parts that are there. */
  readonly resumableUploads: boolean;
  /** `lock` works where the bucket was made for it. */
  readonly objectLock: boolean;
}
