import { createHash } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import { withDeadline } from './deadline.ts';
import { lockEnd } from './lock-policy.ts';
import type { CallOptions } from './object-store.ts';
import { connectS3, type S3Connection, type S3Options } from './s3-client.ts';
import { credentialsExpired, s3Error, statusOf } from './s3-errors.ts';

const DEFAULT_TIMEOUT_MS = 60_000;
/** For requests that make the server move as many bytes as it likes before it answers. */
const LONG = 10;

export interface S3Place {
  readonly bucket: string;
  /** '' or ending with `/`. */
  readonly prefix: string;
}

export type S3Request<T> = (connection: S3Connection, signal: AbortSignal) => Promise<T>;

export type S3Call = CallOptions & { readonly long?: boolean };

/** What a new object gets besides its bytes. */
export type S3Properties = Pick<
  Sdk.PutObjectCommandInput,
  'ContentType' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'Tagging' | 'StorageClass' | 'ObjectLockMode' | 'ObjectLockRetainUntilDate'
>;

/** The requests to one bucket, each with a deadline of its own and with failures translated. */
export class S3Bucket {
  readonly url: string;
  readonly place: S3Place;
  readonly options: S3Options;
  #connection: Promise<S3Connection> | undefined;

  constructor(place: S3Place, options: S3Options) {
    this.place = place;
    this.options = options;
    this.url = `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix.slice(0, -1)}`}`;
  }

  /** Names an object in a request. */
  at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.place.bucket, Key: `${this.place.prefix}${key}` };
  }

  /** `key` is for messages; '' for requests about the bucket. */
  async call<T>(key: string, options: S3Call, request: S3Request<T>): Promise<T> {
    const timeoutMs = (this.options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS) * (options.long === true ? LONG : 1);
    try {
      return await withDeadline(options.signal, timeoutMs, async (signal) => {
        this.#connection ??= connectS3(this.options);
        return request(await this.#connection, signal);
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      // The client would go on with the keys that it has; a new one asks for them where they come from.
      if (credentialsExpired(error)) await this.close();
      throw s3Error(this.url, key, error);
    }
  }

  /** Of the objects that are made now. */
  properties(): S3Properties {
    const { encryption, kmsKeyId, tags, storageClass, lock } = this.options;
    return {
      ContentType: 'application/octet-stream',
      ...(encryption === undefined ? {} : { ServerSideEncryption: encryption }),
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
      ...(tags === undefined ? {} : { Tagging: new URLSearchParams(tags).toString() }),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as Sdk.StorageClass }),
      ...(lock === undefined ? {} : { ObjectLockMode: lockMode(lock.mode), ObjectLockRetainUntilDate: lockEnd(lock) }),
    };
  }

  /** The condition of a write; nothing where the server would ignore it. */
  onlyNew(): { readonly IfNoneMatch?: string } {
    return this.options.conditionalWrites === false ? {} : { IfNoneMatch: '*' };
  }

  /** An answer to HEAD has no body that says whether the object or the bucket is missing. Who may not ask for the bucket is taken to have one. */
  async assertThere({ client, sdk }: S3Connection, abortSignal: AbortSignal): Promise<void> {
    await client.send(new sdk.HeadBucketCommand({ Bucket: this.place.bucket }), { abortSignal }).catch((error: unknown) => {
      if (statusOf(error) === 404) throw this.#gone(error);
      if (statusOf(error) !== 403) throw error;
    });
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection?.catch(() => undefined))?.client.destroy();
  }

  #gone(cause: unknown): HoldfastError {
    const advice = 'create the bucket, or correct the URL';
    return new HoldfastError('LocationGone', `${this.url}: the bucket does not exist`, { advice, cause });
  }
}

export function lockMode(mode: 'governance' | 'compliance'): 'GOVERNANCE' | 'COMPLIANCE' {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
}

/** Buckets with Object Lock demand it of every write. */
export function contentMd5(body: Uint8Array): string {
  return createHash('md5').update(body).digest('base64');
}
