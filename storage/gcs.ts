import { HoldfastError } from '../contracts/failures.ts';
import { GcsBucket, retentionMode, type GcsObject } from './gcs-bucket.ts';
import { GcsAccess, gcsEndpoint, type GcsOptions } from './gcs-client.ts';
import { gcsFailure } from './gcs-errors.ts';
import { composeLarge } from './gcs-large.ts';
import { assertKey, assertPrefix, isKey } from './keys.ts';
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
import { assertWhole, expectedLength, rangeHeader, tooShort, readNothing } from './ranged-read.ts';

/** A hold has no end of its own. */
const FOR_EVER = '9999-12-31T23:59:59.999Z';

/** A bucket of Google Cloud Storage, or a folder of one, as an object store. Creation is decided by the server (`ifGenerationMatch=0`). */
export class GcsStore implements ObjectStore {
  readonly url: string;
  readonly place: StorePlace;
  readonly capabilities: StoreCapabilities = { atomicCreate: true, resumableUploads: true, objectLock: true };
  readonly #access: GcsAccess;
  readonly #bucket: GcsBucket;

  constructor(place: { readonly bucket: string; readonly prefix: string }, options: GcsOptions = {}) {
    this.url = `gs://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix.slice(0, -1)}`}`;
    this.place = { scheme: 'gs', endpoint: gcsEndpoint(options), bucket: place.bucket, prefix: place.prefix };
    this.#access = new GcsAccess(options);
    this.#bucket = new GcsBucket(this.url, place.bucket, this.#access);
  }

  /** The bucket must exist; folders need no preparation. */
  async prepare(options: CallOptions = {}): Promise<void> {
    await this.#bucket.assertThere(options);
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (!(await this.#bucket.insert(this.#full(key), body, { ...options, key }))) throw this.#taken(key);
  }

  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    assertKey(this.url, key);
    // Asked first, so that nothing is sent in vain; what decides is the condition of the last request.
    if (await this.stat(key, options)) throw this.#taken(key);
    const target = { bucket: this.#bucket, key, name: this.#full(key), folder: this.#full('.parts/') };
    if (!(await composeLarge(target, source, options))) throw this.#taken(key);
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    if (range?.length === 0) return readNothing(this, { key, range, missing: () => gcsFailure(this.url, key, 404) }, options);
    const answer = await this.#bucket.send(key, options, {
      method: 'GET',
      path: `${this.#bucket.path(this.#full(key))}?alt=media`,
      ...(range ? { headers: { range: rangeHeader(range) }, expect: [416] } : {}),
    });
    if (range && answer.status === 416) throw tooShort(this.url, key, range);
    const length = answer.headers['content-length'];
    const expected = { url: this.url, key, range };
    const wanted = expectedLength(expected, {
      contentLength: length === undefined ? undefined : Number(length),
      contentRange: answer.headers['content-range'],
    });
    return assertWhole(expected, answer.body, wanted);
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    const found = await this.#bucket.metadata(this.#full(key), key, options);
    if (!found) return undefined;
    const until = lockedUntil(found);
    const locked = until !== undefined && Date.parse(until) > Date.now();
    return { ...described(key, found), ...(locked ? { lockedUntil: until } : {}) };
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    const { after } = options;
    const query = { prefix: this.#full(prefix), ...(after === undefined ? {} : { startOffset: this.#full(after) }), maxResults: '1000' };
    let token: string | undefined;
    do {
      const page = await this.#bucket.page(token === undefined ? query : { ...query, pageToken: token }, prefix, options);
      for (const object of page.items) {
        const key = object.name.slice(this.place.prefix.length);
        // `startOffset` itself is included; parts of large objects are no keys.
        if (key !== after && isKey(key)) yield described(key, object);
      }
      token = page.next;
    } while (token !== undefined);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const name = this.#full(key);
    await this.#bucket.remove(name, key, options);
    // Where versions are kept, that has only made one more of them. A blank comes before every character that continues a key.
    const versions = { prefix: name, startOffset: name, endOffset: `${name} `, versions: 'true' };
    for (;;) {
      const { items } = await this.#bucket.page(versions, key, options);
      if (items.length === 0) return;
      for (const { generation } of items)
        await this.#bucket.remove(name, key, { ...options, ...(generation === undefined ? {} : { generation }) });
    }
  }

  canCopyFrom(source: StorePlace): boolean {
    return source.scheme === 'gs' && source.endpoint === this.place.endpoint;
  }

  async copyFrom(source: StorePlace, key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (await this.stat(key, options)) throw this.#taken(key);
    const from = new GcsBucket(`gs://${source.bucket}`, source.bucket, this.#access);
    const name = `${source.prefix}${key}`;
    if (!(await from.metadata(name, name, options))) throw gcsFailure(from.url, name, 404);
    const to = this.#bucket.path(this.#full(key)).replace('/storage/v1', '');
    const body = JSON.stringify(this.#bucket.properties());
    let token = '';
    for (;;) {
      const path = `${from.path(name)}/rewriteTo${to}?ifGenerationMatch=0${token === '' ? '' : `&rewriteToken=${encodeURIComponent(token)}`}`;
      const headers = { 'content-type': 'application/json' };
      const answer = await this.#bucket.send(key, options, { method: 'POST', path, headers, body });
      const { done, rewriteToken } = this.#bucket.parsed(key, answer) as { done?: boolean; rewriteToken?: string };
      if (done === true) return;
      if (rewriteToken === undefined) throw new HoldfastError('Unavailable', `${this.url}: ${key}: the copy ended before its end`);
      token = rewriteToken;
    }
  }

  async lock(key: string, until: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const name = this.#full(key);
    const found = await this.#bucket.metadata(name, key, options);
    if (!found) throw gcsFailure(this.url, key, 404);
    const { mode, retainUntilTime } = found.retention ?? {};
    if (retainUntilTime !== undefined && Date.parse(retainUntilTime) >= Date.parse(until)) return;
    const wanted = mode === 'Locked' ? 'Locked' : retentionMode(this.#access.options.lock);
    const body = JSON.stringify({ retention: { mode: wanted, retainUntilTime: until } });
    const path = `${this.#bucket.path(name)}?fields=retention`;
    const request = { method: 'PATCH', path, headers: { 'content-type': 'application/json' }, body, expect: [400] } as const;
    const { status } = await this.#bucket.send(key, options, request);
    if (status === 400) {
      const advice = 'make a bucket with object retention enabled';
      throw new HoldfastError('BadInput', `${this.url}: ${key}: the bucket takes no such lock`, { advice });
    }
  }

  async facts(options: CallOptions = {}): Promise<StoreFacts> {
    const path = `/storage/v1/b/${this.place.bucket}?fields=versioning,objectRetention`;
    const answer = await this.#bucket.send('', options, { method: 'GET', path, expect: [403, 404] });
    const serverTime = new Date(answer.headers['date'] ?? Number.NaN);
    if (Number.isNaN(serverTime.getTime())) throw new HoldfastError('Unavailable', `${this.url}: the answer has no date`);
    if (answer.status === 404) await this.#bucket.assertThere(options);
    if (answer.status !== 200) return { serverTime: serverTime.toISOString(), versioning: undefined, objectLock: undefined };
    const { versioning, objectRetention } = this.#bucket.parsed('', answer) as {
      versioning?: { enabled?: boolean };
      objectRetention?: { mode?: string };
    };
    return {
      serverTime: serverTime.toISOString(),
      versioning: versioning?.enabled === true,
      objectLock: objectRetention?.mode === 'Enabled',
    };
  }

  close(): Promise<void> {
    return this.#access.close();
  }

  #full(key: string): string {
    return `${this.place.prefix}${key}`;
  }

  #taken(key: string): HoldfastError {
    return gcsFailure(this.url, key, 412);
  }
}

/** Objects are never changed in place, so the time of creation is the one that counts; `updated` moves with every lock. */
function described(key: string, { size, timeCreated }: GcsObject): StoredObject {
  return { key, sizeBytes: Number(size ?? 0), modifiedAt: new Date(timeCreated ?? 0).toISOString() };
}

/** The latest of what protects an object. */
function lockedUntil(object: GcsObject): string | undefined {
  if (object.temporaryHold === true || object.eventBasedHold === true) return FOR_EVER;
  const ends = [object.retention?.retainUntilTime, object.retentionExpirationTime].flatMap((end) =>
    end === undefined ? [] : [Date.parse(end)],
  );
  return ends.length === 0 ? undefined : new Date(Math.max(...ends)).toISOString();
}
