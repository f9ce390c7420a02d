import { addAbortSignal, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GetObjectCommandOutput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
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
import { contentMd5, S3Bucket, type S3Place } from './s3-bucket.ts';
import type { S3Connection, S3Options } from './s3-client.ts';
import { copyObject } from './s3-copy.ts';
import { S3Deletion } from './s3-deletion.ts';
import { s3Failure, statusOf } from './s3-errors.ts';
import { bucketFacts } from './s3-facts.ts';
import { extendLock, lockedUntil } from './s3-lock.ts';
import { S3Multipart } from './s3-multipart.ts';

/** S3 takes no more in one PUT. */
const MAX_BODY_BYTES = 5 * 1024 ** 3;
/** Up to here one request is cheaper than an upload in parts. */
const SMALL_BYTES = 8 * 1024 * 1024;
/** A 409 says that two conditional writes met; the loser asks again to learn who won. */
const CONFLICT_ATTEMPTS = 6;

/** A bucket, or a folder of one, as an object store. Creation is decided by the server (`If-None-Match: *`). */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly place: StorePlace;
  readonly capabilities: StoreCapabilities;
  readonly #bucket: S3Bucket;
  readonly #multipart: S3Multipart;
  readonly #deletion: S3Deletion;

  constructor(place: S3Place, options: S3Options = {}) {
    this.#bucket = new S3Bucket(place, options);
    this.#multipart = new S3Multipart(this.#bucket);
    this.#deletion = new S3Deletion(this.#bucket);
    this.url = this.#bucket.url;
    const endpoint = (options.endpoint ?? '').replace(/\/+$/, '');
    this.place = { scheme: 's3', endpoint, bucket: place.bucket, prefix: place.prefix };
    this.capabilities = { atomicCreate: options.conditionalWrites !== false, resumableUploads: true, objectLock: true };
  }

  /** The bucket must exist; folders need no preparation. */
  async prepare(options: CallOptions = {}): Promise<void> {
    await this.#bucket.call('', options, async (connection, signal) => {
      await this.#bucket.assertThere(connection, signal);
      // Who may not even ask for the bucket has wrong credentials, or too few rights to list it.
      await connection.client.send(new connection.sdk.HeadBucketCommand({ Bucket: this.place.bucket }), { abortSignal: signal });
    });
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (body.byteLength > MAX_BODY_BYTES) {
      throw new HoldfastError('BadInput', `${this.url}: ${key} has ${body.byteLength} bytes`, { advice: 'S3 takes at most 5 GiB at once' });
    }
    if (!this.capabilities.atomicCreate) await this.#assertFree(key, options);
    await this.#bucket.call(key, options, async (connection, signal) => {
      for (let attempt = 1; !(await this.#put(connection, { key, body, signal, last: attempt === CONFLICT_ATTEMPTS })); attempt++) {
        await sleep(20 * attempt * (1 + Math.random()), undefined, { signal });
      }
    });
  }

  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (source.sizeBytes <= SMALL_BYTES) {
      await this.create(key, await source.read({ offset: 0, length: source.sizeBytes }), options);
      options.onProgress?.(source.sizeBytes);
      return;
    }
    // Asked first, so that nothing is sent in vain; what decides is the condition of the last request.
    if (await this.stat(key, options)) {
      await this.#multipart.abortAll(key, options);
      throw s3Failure(this.url, key, 412);
    }
    await this.#multipart.create(key, source, options);
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    if (range?.length === 0) return readNothing(this, { key, range, missing: () => s3Failure(this.url, key, 404) }, options);
    return this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
      const input = { ...this.#bucket.at(key), ...(range ? { Range: rangeHeader(range) } : {}) };
      const answer = await client.send(new sdk.GetObjectCommand(input), { abortSignal }).catch((error: unknown) => {
        throw range && statusOf(error) === 416 ? tooShort(this.url, key, range) : error;
      });
      const expected = { url: this.url, key, range };
      const wanted = expectedLength(expected, { contentLength: answer.ContentLength, contentRange: answer.ContentRange });
      return assertWhole(expected, await collect(answer.Body, abortSignal), wanted);
    });
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    return this.#bucket.call(key, options, async (connection, abortSignal) => {
      const { client, sdk } = connection;
      try {
        const head = await client.send(new sdk.HeadObjectCommand(this.#bucket.at(key)), { abortSignal });
        const until = lockedUntil(head);
        return { ...described(key, head.ContentLength, head.LastModified), ...(until === undefined ? {} : { lockedUntil: until }) };
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
      await this.#bucket.assertThere(connection, abortSignal);
      return undefined;
    });
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    const { Bucket, Key: Prefix } = this.#bucket.at(prefix);
    let from: { StartAfter?: string; ContinuationToken?: string } =
      options.after === undefined ? {} : { StartAfter: this.#bucket.at(options.after).Key };
    let last = '';
    for (;;) {
      const input = { Bucket, Prefix, ...from };
      const page = await this.#bucket.call(prefix, options, ({ client, sdk }, abortSignal) =>
        client.send(new sdk.ListObjectsV2Command(input), { abortSignal }),
      );
      assertList(page, `${this.url}: ${prefix}`);
      for (const object of page.Contents ?? []) {
        const key = object.Key?.slice(this.place.prefix.length) ?? '';
        // Some servers name a key twice after several have written it at once.
        if (isKey(key) && key !== last) yield described(key, object.Size, object.LastModified);
        last = key;
      }
      if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return;
      from = { ContinuationToken: page.NextContinuationToken };
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#deletion.delete(key, options);
  }

  canCopyFrom(source: StorePlace): boolean {
    return source.scheme === 's3' && source.endpoint === this.place.endpoint;
  }

  async copyFrom(source: StorePlace, key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#assertFree(key, options);
    await copyObject(this.#bucket, { source, key }, options);
  }

  async lock(key: string, until: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await extendLock(this.#bucket, key, { ...options, until });
  }

  async facts(options: CallOptions = {}): Promise<StoreFacts> {
    return bucketFacts(this.#bucket, options);
  }

  /** A plain PUT, as an intruder with the same credentials would send it. */
  async tryOverwrite(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#bucket.call(key, options, ({ client, sdk }, abortSignal) =>
      client.send(new sdk.PutObjectCommand(this.#putInput(key, body)), { abortSignal }),
    );
  }

  async close(): Promise<void> {
    await this.#bucket.close();
  }

  async #assertFree(key: string, options: CallOptions): Promise<void> {
    if (await this.stat(key, options)) throw s3Failure(this.url, key, 412);
  }

  /** False when two conditional writes met and this one has to ask again. */
  async #put(
    { client, sdk }: S3Connection,
    put: { readonly key: string; readonly body: Uint8Array; readonly signal: AbortSignal; readonly last: boolean },
  ): Promise<boolean> {
    try {
      const input = { ...this.#putInput(put.key, put.body), ...this.#bucket.onlyNew() };
      await client.send(new sdk.PutObjectCommand(input), { abortSignal: put.signal });
      return true;
    } catch (error) {
      if (statusOf(error) === 409 && !put.last) return false;
      throw error;
    }
  }

  #putInput(key: string, body: Uint8Array) {
    return {
      ...this.#bucket.at(key),
      ...this.#bucket.properties(),
      Body: body,
      ContentLength: body.byteLength,
      ContentMD5: contentMd5(body),
    };
  }
}

/** To the SDK an answer without a body is a list without entries; every real one says at least what it is a list of. */
function assertList({ IsTruncated, KeyCount, Name }: ListObjectsV2CommandOutput, where: string): void {
  if (IsTruncated !== undefined || KeyCount !== undefined || Name !== undefined) return;
  throw new HoldfastError('Unavailable', `${where}: the answer is empty`);
}

function described(key: string, size: number | undefined, modified: Date | undefined): StoredObject {
  return { key, sizeBytes: size ?? 0, modifiedAt: (modified ?? new Date(0)).toISOString() };
}

async function collect(body: GetObjectCommandOutput['Body'], signal: AbortSignal): Promise<Buffer> {
  if (!(body instanceof Readable)) throw new Error('the answer has no body');
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(signal, body)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
