import { addAbortSignal, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import { withDeadline } from './deadline.ts';
import { assertKey, assertPrefix, isKey } from './keys.ts';
import type { ByteRange, CallOptions, ObjectStore, StoreCapabilities, StoredObject } from './object-store.ts';
import { connectS3, type S3Connection, type S3Options } from './s3-client.ts';
import { s3Error, statusOf } from './s3-errors.ts';

/** S3 takes no more in one PUT. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const DEFAULT_TIMEOUT_MS = 60_000;
/** A 409 says that two conditional writes met; the loser asks again to learn who won. */
const CONFLICT_ATTEMPTS = 6;

export interface S3Place {
  readonly bucket: string;
  /** '' or ending with `/`. */
  readonly prefix: string;
}

/** A bucket, or a folder of one, as an object store. Creation is decided by the server (`If-None-Match: *`). */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly capabilities: StoreCapabilities = { atomicCreate: true };
  readonly #place: S3Place;
  readonly #options: S3Options;
  #connection: Promise<S3Connection> | undefined;

  constructor(place: S3Place, options: S3Options = {}) {
    this.#place = place;
    this.#options = options;
    this.url = `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix.slice(0, -1)}`}`;
  }

  /** The bucket must exist; folders need no preparation. */
  async prepare(options: CallOptions = {}): Promise<void> {
    await this.#call('', options, async ({ client, sdk }, abortSignal) => {
      try {
        await client.send(new sdk.HeadBucketCommand({ Bucket: this.#place.bucket }), { abortSignal });
      } catch (error) {
        throw statusOf(error) === 404 ? this.#bucketGone(error) : error;
      }
    });
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (body.byteLength > MAX_OBJECT_BYTES) {
      throw new HoldfastError('BadInput', `${this.url}: ${key} has ${body.byteLength} bytes`, { advice: 'S3 takes at most 5 GiB at once' });
    }
    await this.#call(key, options, async (connection, signal) => {
      for (let attempt = 1; !(await this.#put(connection, { key, body, signal, last: attempt === CONFLICT_ATTEMPTS })); attempt++) {
        await sleep(20 * attempt * (1 + Math.random()), undefined, { signal });
      }
    });
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    if (range?.length === 0) return this.#readNothing(key, range, options);
    return this.#call(key, options, async ({ client, sdk }, abortSignal) => {
      const Range = range && `bytes=${range.offset}-${range.offset + range.length - 1}`;
      const input = { Bucket: this.#place.bucket, Key: this.#full(key), ...(Range === undefined ? {} : { Range }) };
      const answer = await client.send(new sdk.GetObjectCommand(input), { abortSignal }).catch((error: unknown) => {
        throw range && statusOf(error) === 416 ? this.#tooShort(key, range) : error;
      });
      const expected = this.#expectedLength(key, range, answer);
      const body = await collect(answer.Body, abortSignal);
      if (body.length !== expected) {
        throw new HoldfastError('Unavailable', `${this.url}: ${key}: got ${body.length} of ${expected} bytes`);
      }
      return body;
    });
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    return this.#call(key, options, async ({ client, sdk }, abortSignal) => {
      try {
        const head = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#place.bucket, Key: this.#full(key) }), { abortSignal });
        return described(key, head.ContentLength, head.LastModified);
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
      // A HEAD answer has no body to say whether the object or the bucket is missing.
      await client.send(new sdk.HeadBucketCommand({ Bucket: this.#place.bucket }), { abortSignal }).catch((error: unknown) => {
        if (statusOf(error) === 404) throw this.#bucketGone(error);
        if (statusOf(error) !== 403) throw error;
      });
      return undefined;
    });
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    let token: string | undefined;
    do {
      const page = await this.#call(prefix, options, ({ client, sdk }, abortSignal) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.#place.bucket,
            Prefix: this.#full(prefix),
            ...(token === undefined
              ? options.after === undefined
                ? {}
                : { StartAfter: this.#full(options.after) }
              : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      );
      for (const object of page.Contents ?? []) {
        const key = object.Key?.slice(this.#place.prefix.length) ?? '';
        if (isKey(key)) yield described(key, object.Size, object.LastModified);
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#call(key, options, async ({ client, sdk }, abortSignal) => {
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#place.bucket, Key: this.#full(key) }), { abortSignal });
      } catch (error) {
        if (!(error instanceof Error && error.name === 'NoSuchKey')) throw error;
      }
    });
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.client.destroy();
    this.#connection = undefined;
  }

  /** False when two conditional writes met and this one has to ask again. */
  async #put(
    { client, sdk }: S3Connection,
    put: { readonly key: string; readonly body: Uint8Array; readonly signal: AbortSignal; readonly last: boolean },
  ): Promise<boolean> {
    try {
      await client.send(
        new sdk.PutObjectCommand({
          Bucket: this.#place.bucket,
          Key: this.#full(put.key),
          Body: put.body,
          ContentLength: put.body.byteLength,
          ContentType: 'application/octet-stream',
          IfNoneMatch: '*',
        }),
        { abortSignal: put.signal },
      );
      return true;
    } catch (error) {
      if (statusOf(error) === 409 && !put.last) return false;
      throw error;
    }
  }

  /** HTTP has no empty ranges. */
  async #readNothing(key: string, range: ByteRange, options: CallOptions): Promise<Buffer> {
    const found = await this.stat(key, options);
    if (!found) throw new HoldfastError('NotFound', `${this.url}: ${key}: does not exist`);
    if (found.sizeBytes < range.offset) throw this.#tooShort(key, range);
    return Buffer.alloc(0);
  }

  #expectedLength(key: string, range: ByteRange | undefined, answer: GetObjectCommandOutput): number | undefined {
    if (!range) return answer.ContentLength;
    // "bytes 0-99/1234": the server tells how much there is, and so whether the object ends early or the answer was cut.
    const total = Number(answer.ContentRange?.split('/')[1] ?? Number.NaN);
    if (total < range.offset + range.length) throw this.#tooShort(key, range);
    return range.length;
  }

  #full(key: string): string {
    return `${this.#place.prefix}${key}`;
  }

  #tooShort(key: string, range: ByteRange): HoldfastError {
    return new HoldfastError('Damaged', `${this.url}: ${key} ends before byte ${range.offset + range.length}`, {
      advice: 'the object was cut short',
    });
  }

  #bucketGone(cause: unknown): HoldfastError {
    return new HoldfastError('LocationGone', `${this.url}: the bucket does not exist`, {
      advice: 'create the bucket, or correct the URL',
      cause,
    });
  }

  async #call<T>(key: string, options: CallOptions, request: (connection: S3Connection, signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await withDeadline(options.signal, this.#options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS, async (signal) => {
        this.#connection ??= connectS3(this.#options);
        return request(await this.#connection, signal);
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw s3Error(this.url, key, error);
    }
  }
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
