import type { DeleteMarkerEntry, ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions } from './object-store.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { errorName, statusOf } from './s3-errors.ts';
import { lockedUntil } from './s3-lock.ts';

/** Answers of servers without versions, and of those that may not be asked for them. */
const NO_ANSWER = new Set([400, 403, 405, 501]);

interface Version {
  readonly id: string;
  readonly marker: boolean;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Removes an object with all its versions. What is locked is left as it is: nothing is removed then, nor hidden behind a delete marker. */
export class S3Deletion {
  readonly #bucket: S3Bucket;
  /** Whether the bucket has, or had, versions; undefined until asked. */
  #versioned: Promise<boolean> | undefined;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async delete(key: string, options: CallOptions): Promise<void> {
    this.#versioned ??= this.#askVersioned(options);
    const versioned = await this.#versioned.catch((error: unknown) => {
      this.#versioned = undefined;
      throw error;
    });
    if (!versioned) {
      await this.#remove(key, undefined, options);
      return;
    }
    const versions = await this.#versions(key, options);
    for (const { id, marker } of versions) if (!marker) await this.#assertUnlocked(key, id, options);
    // Oldest first, markers last: cut off in the middle, no older version comes to light.
    for (const { id } of versions.toReversed()) await this.#remove(key, id, options);
  }

  /** A bucket that does not say is taken to have versions when it lists some. */
  async #askVersioned(options: CallOptions): Promise<boolean> {
    const Bucket = this.#bucket.place.bucket;
    return this.#bucket.call('', options, async ({ client, sdk }, abortSignal) => {
      try {
        return (await client.send(new sdk.GetBucketVersioningCommand({ Bucket }), { abortSignal })).Status !== undefined;
      } catch (error) {
        if (!NO_ANSWER.has(statusOf(error) ?? 0)) throw error;
      }
      try {
        await client.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: this.#bucket.place.prefix, MaxKeys: 1 }), { abortSignal });
        return true;
      } catch (error) {
        if (!NO_ANSWER.has(statusOf(error) ?? 0)) throw error;
        return false;
      }
    });
  }

  /** Newest first. */
  async #versions(key: string, options: CallOptions): Promise<readonly Version[]> {
    const { Bucket, Key } = this.#bucket.at(key);
    const found: Version[] = [];
    let input: ListObjectVersionsCommandInput | undefined = { Bucket, Prefix: Key };
    while (input) {
      const asked: ListObjectVersionsCommandInput = input;
      const page: ListObjectVersionsCommandOutput = await this.#bucket.call(key, options, ({ client, sdk }, abortSignal) =>
        client.send(new sdk.ListObjectVersionsCommand(asked), { abortSignal }),
      );
      found.push(...versionsOf(Key, page.Versions, false), ...versionsOf(Key, page.DeleteMarkers, true));
      // Keys that continue this one come after it.
      const more = page.IsTruncated === true && page.NextKeyMarker === Key;
      input = more ? { Bucket, Prefix: Key, KeyMarker: Key, VersionIdMarker: page.NextVersionIdMarker } : undefined;
    }
    return found.sort((a, b) => b.time - a.time || Number(b.marker) - Number(a.marker));
  }

  async #assertUnlocked(key: string, VersionId: string, options: CallOptions): Promise<void> {
    const until = await this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
      try {
        return lockedUntil(await client.send(new sdk.HeadObjectCommand({ ...this.#bucket.at(key), VersionId }), { abortSignal }));
      } catch (error) {
        // Gone already, or not ours to look at: then the deletion itself says what is wrong.
        if (statusOf(error) === 404 || statusOf(error) === 403) return undefined;
        throw error;
      }
    });
    if (until !== undefined) throw locked(this.#bucket.url, key, until);
  }

  async #remove(key: string, VersionId: string | undefined, options: CallOptions): Promise<void> {
    await this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
      const version = VersionId === undefined ? {} : { VersionId };
      try {
        const answer = await client.send(new sdk.DeleteObjectCommand({ ...this.#bucket.at(key), ...version }), { abortSignal });
        if (answer.DeleteMarker === true && VersionId === undefined) throw hidden(this.#bucket.url, key);
      } catch (error) {
        if (errorName(error) === 'NoSuchKey' || errorName(error) === 'NoSuchVersion') return;
        throw VersionId !== undefined && /object.?lock|worm/i.test(messageOf(error)) ? locked(this.#bucket.url, key, '') : error;
      }
    });
  }
}

function versionsOf(key: string, entries: readonly DeleteMarkerEntry[] | undefined, marker: boolean): readonly Version[] {
  return (entries ?? []).flatMap(({ Key, VersionId, LastModified }) =>
    Key === key && VersionId !== undefined ? [{ id: VersionId, marker, time: LastModified?.getTime() ?? 0 }] : [],
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

function locked(url: string, key: string, until: string): HoldfastError {
  const what = until === '' ? 'is locked' : `is locked until ${until}`;
  return new HoldfastError('Locked', `${url}: ${key}: ${what}`, { advice: 'wait until the lock ends' });
}

function hidden(url: string, key: string): HoldfastError {
  return new HoldfastError('Forbidden', `${url}: ${key}: is hidden, but its versions still take space`, {
    advice: 'grant s3:ListBucketVersions and s3:DeleteObjectVersion',
  });
}
