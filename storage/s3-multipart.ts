import { createHash } from 'node:crypto';
import type {
  CompletedPart,
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
  Part as SentPart,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, LargeOptions, LargeSource } from './object-store.ts';
import { planParts, sendMissingParts, type Part } from './parts.ts';
import { contentMd5, type S3Bucket } from './s3-bucket.ts';
import { errorName, s3Failure, statusOf } from './s3-errors.ts';

const SMALLEST_PART_BYTES = 8 * 1024 * 1024;
/** S3 takes no more parts in one object. */
const MOST_PARTS = 10_000;

interface LargeObject {
  readonly key: string;
  readonly source: LargeSource;
  /** Stands for the content. */
  readonly content: string;
  readonly parts: readonly Part[];
}

/** An upload under way: by part number, what the completing request has to name. */
interface Upload {
  readonly id: string;
  readonly key: string;
  readonly sent: Map<number, CompletedPart>;
}

/**
 * Large objects in parts. S3 keeps the parts of an upload that was cut off until it is aborted, but nothing that says what they were for. So
 * an upload of the same key is continued when the content of its parts, by the hashes that the server gives, is the content that is to be
 * sent now; every part is compared, and one that differs is sent again.
 */
export class S3Multipart {
  readonly #bucket: S3Bucket;
  /** Uploads that a call of this process is working on: two calls do not share one. */
  readonly #busy = new Set<string>();
  /** What this process sent or compared itself, by upload: it need not be compared again after a failure. */
  readonly #known = new Map<string, { readonly content: string; readonly upload: Upload }>();

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** `source` is larger than one part. The key is free when this begins, as far as is known. */
  async create(key: string, source: LargeSource, options: LargeOptions): Promise<void> {
    const parts = planParts(source.sizeBytes, { smallestBytes: SMALLEST_PART_BYTES, mostParts: MOST_PARTS });
    const upload = await this.#takeUp({ key, source, parts, content: `${source.fingerprint}/${source.sizeBytes}` }, options);
    let isCompleting = false;
    try {
      const present = new Set(parts.filter(({ index }) => upload.sent.has(index + 1)).map(({ index }) => index));
      await sendMissingParts({
        source,
        parts,
        present,
        send: async ({ index }, body, signal) => {
          upload.sent.set(index + 1, await this.#send(key, upload.id, { number: index + 1, body, signal }));
        },
        signal: options.signal,
        onProgress: options.onProgress,
      });
      isCompleting = true;
      await this.#complete(key, upload, options);
    } catch (error) {
      throw await this.#lostTo(error, key, { ...options, isCompleting });
    } finally {
      this.#busy.delete(upload.id);
    }
    await this.abortAll(key, options);
  }

  /**
   * Frees the parts of every upload of a key whose object exists: none of them can be completed any more. Who may not leaves it to the rule
   * for incomplete uploads that each bucket should have.
   */
  async abortAll(key: string, options: CallOptions): Promise<void> {
    for (const [id, { upload }] of this.#known) if (upload.key === key) this.#known.delete(id);
    try {
      for (const UploadId of await this.#uploads(key, options)) {
        await this.#bucket.call(key, options, ({ client, sdk }, abortSignal) =>
          client.send(new sdk.AbortMultipartUploadCommand({ ...this.#bucket.at(key), UploadId }), { abortSignal }),
        );
      }
    } catch {
      options.signal?.throwIfAborted();
    }
  }

  /** The first upload with right parts that nobody here works on, else a new one. */
  async #takeUp(object: LargeObject, options: CallOptions): Promise<Upload> {
    const { key, content } = object;
    for (const id of await this.#uploads(key, options)) {
      if (this.#busy.has(id)) continue;
      this.#busy.add(id);
      try {
        const known = this.#known.get(id);
        const upload = known?.content === content ? known.upload : { id, key, sent: await this.#rightParts(object, id, options) };
        if (upload.sent.size > 0) {
          this.#known.set(id, { content, upload });
          return upload;
        }
        this.#busy.delete(id);
      } catch (error) {
        this.#busy.delete(id);
        throw error;
      }
    }
    const upload: Upload = { id: await this.#begin(key, options), key, sent: new Map() };
    this.#busy.add(upload.id);
    this.#known.set(upload.id, { content, upload });
    return upload;
  }

  async #begin(key: string, options: CallOptions): Promise<string> {
    const id = await this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
      const checksum = this.#hashed() ? { ChecksumAlgorithm: 'SHA256' as const } : {};
      const input = { ...this.#bucket.at(key), ...this.#bucket.properties(), ...checksum };
      return (await client.send(new sdk.CreateMultipartUploadCommand(input), { abortSignal })).UploadId;
    });
    if (id === undefined) throw new HoldfastError('Unavailable', `${this.#bucket.url}: ${key}: the answer has no upload id`);
    return id;
  }

  /** Ids of the uploads of exactly this key; none where we may not ask. */
  async #uploads(key: string, options: CallOptions): Promise<readonly string[]> {
    const { Bucket, Key } = this.#bucket.at(key);
    const found: string[] = [];
    let input: ListMultipartUploadsCommandInput | undefined = { Bucket, Prefix: Key };
    while (input) {
      const page: ListMultipartUploadsCommandOutput | undefined = await this.#uploadsPage(key, input, options);
      found.push(...(page?.Uploads ?? []).flatMap(({ Key: name, UploadId }) => (name === Key && UploadId !== undefined ? [UploadId] : [])));
      // Keys that continue this one come after it.
      const more = page?.IsTruncated === true && page.NextKeyMarker === Key;
      input = more ? { Bucket, Prefix: Key, KeyMarker: Key, UploadIdMarker: page.NextUploadIdMarker } : undefined;
    }
    return found;
  }

  #uploadsPage(
    key: string,
    input: ListMultipartUploadsCommandInput,
    options: CallOptions,
  ): Promise<ListMultipartUploadsCommandOutput | undefined> {
    return this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
      try {
        return await client.send(new sdk.ListMultipartUploadsCommand(input), { abortSignal });
      } catch (error) {
        // Some servers say NoSuchUpload where there is none at all.
        if (statusOf(error) === 403 || statusOf(error) === 501 || errorName(error) === 'NoSuchUpload') return undefined;
        throw error;
      }
    });
  }

  /** The parts of an upload that have the content of the source. One that has not, and the rest is not worth reading. */
  async #rightParts({ key, source, parts }: LargeObject, id: string, options: CallOptions): Promise<Map<number, CompletedPart>> {
    const right = new Map<number, CompletedPart>();
    for (const sent of await this.#sentParts(key, id, options)) {
      options.signal?.throwIfAborted();
      const planned = parts[(sent.PartNumber ?? 0) - 1];
      if (!planned || planned.range.length !== sent.Size) return right;
      if (!hasContent(sent, await source.read(planned.range))) return right;
      right.set(planned.index + 1, completed(planned.index + 1, sent));
    }
    return right;
  }

  async #sentParts(key: string, UploadId: string, options: CallOptions): Promise<readonly SentPart[]> {
    const found: SentPart[] = [];
    let PartNumberMarker: string | undefined;
    do {
      const marker = PartNumberMarker === undefined ? {} : { PartNumberMarker };
      const page = await this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) => {
        try {
          return await client.send(new sdk.ListPartsCommand({ ...this.#bucket.at(key), UploadId, ...marker }), { abortSignal });
        } catch (error) {
          // Completed or aborted since, or not ours to look at: nothing of it can be used.
          if (errorName(error) === 'NoSuchUpload' || statusOf(error) === 403) return undefined;
          throw error;
        }
      });
      found.push(...(page?.Parts ?? []));
      PartNumberMarker = page?.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (PartNumberMarker !== undefined);
    return found;
  }

  #send(
    key: string,
    UploadId: string,
    part: { readonly number: number; readonly body: Uint8Array; readonly signal: AbortSignal },
  ): Promise<CompletedPart> {
    const { number: PartNumber, body: Body, signal } = part;
    const hash = this.#hashed() ? { ChecksumSHA256: sha256(Body) } : {};
    return this.#bucket.call(key, { signal }, async ({ client, sdk }, abortSignal) => {
      const input = { ...this.#bucket.at(key), UploadId, PartNumber, Body, ContentLength: Body.byteLength, ContentMD5: contentMd5(Body) };
      return completed(PartNumber, await client.send(new sdk.UploadPartCommand({ ...input, ...hash }), { abortSignal }));
    });
  }

  async #complete(key: string, { id: UploadId, sent }: Upload, options: CallOptions): Promise<void> {
    const Parts = [...sent.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
    const { ETag } = await this.#bucket.call(key, { ...options, long: true }, ({ client, sdk }, abortSignal) => {
      const input = { ...this.#bucket.at(key), UploadId, MultipartUpload: { Parts }, ...this.#bucket.onlyNew() };
      return client.send(new sdk.CompleteMultipartUploadCommand(input), { abortSignal });
    });
    if (this.#bucket.options.conditionalWrites === false) return;
    // Some servers take an upload that is gone for one that was completed before, as long as there is an object: it may be another writer's.
    const there = await this.#bucket.call(key, options, ({ client, sdk }, abortSignal) =>
      client.send(new sdk.HeadObjectCommand(this.#bucket.at(key)), { abortSignal }),
    );
    if (ETag !== undefined && there.ETag !== ETag) throw s3Failure(this.#bucket.url, key, 412);
  }

  /**
   * Whoever completes an object aborts the other uploads of its key, also while they are being sent or put together. So a refusal means that
   * the key is taken, if it is. Before the completion is asked for, so does every failure: what is there cannot be ours.
   */
  async #lostTo(
    error: unknown,
    key: string,
    { isCompleting, ...options }: CallOptions & { readonly isCompleting: boolean },
  ): Promise<unknown> {
    if (!(error instanceof HoldfastError)) return error;
    const refused = !isCompleting || error.type === 'NotFound' || error.type === 'BadInput' || errorName(error.cause) === 'NoSuchUpload';
    const taken = error.type === 'AlreadyExists' || (refused && (await this.#exists(key, options)));
    if (taken) await this.abortAll(key, options);
    return taken ? s3Failure(this.#bucket.url, key, 412) : error;
  }

  #exists(key: string, options: CallOptions): Promise<boolean> {
    return this.#bucket.call(key, options, async ({ client, sdk }, abortSignal) =>
      client.send(new sdk.HeadObjectCommand(this.#bucket.at(key)), { abortSignal }).then(
        () => true,
        () => false,
      ),
    );
  }

  /** The hashes that S3 gives of parts are MD5, but not where a key of a key management service encrypts them. */
  #hashed(): boolean {
    return this.#bucket.options.encryption === 'aws:kms' || this.#bucket.options.checksums === 'when-supported';
  }
}

function completed(PartNumber: number, { ETag, ChecksumSHA256 }: Pick<SentPart, 'ETag' | 'ChecksumSHA256'>): CompletedPart {
  return { PartNumber, ...(ETag === undefined ? {} : { ETag }), ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }) };
}

function hasContent({ ETag, ChecksumSHA256 }: SentPart, body: Uint8Array): boolean {
  if (ChecksumSHA256 !== undefined) return ChecksumSHA256 === sha256(body);
  return ETag?.replaceAll('"', '') === createHash('md5').update(body).digest('hex');
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64');
}
