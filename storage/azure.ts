import { addAbortSignal, Readable } from 'node:stream';
import type {
  BlobDownloadResponseParsed,
  BlobImmutabilityPolicy,
  BlockBlobClient,
  ContainerClient,
  ContainerListBlobFlatSegmentResponse as BlobPage,
} from '@azure/storage-blob';
import { HoldfastError } from '../contracts/failures.ts';
import { azureAccount, type AzureAccount, type AzureOptions } from './azure-account.ts';
import { connectAzure, type AzureConnection } from './azure-client.ts';
import { azureCode, azureError, azureFailure, azureStatus, credentialsExpired, credentialsRefused, headerOf } from './azure-errors.ts';
import { blockNames, sendBlocks } from './azure-large.ts';
import { withDeadline } from './deadline.ts';
import { assertKey, assertPrefix, isKey } from './keys.ts';
import { lockEnd } from './lock-policy.ts';
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
import { plainCause } from './plain-cause.ts';
import { assertWhole, expectedLength, tooShort, readNothing } from './ranged-read.ts';

const DEFAULT_TIMEOUT_MS = 60_000;
/** Azure takes no more in one request. */
const MAX_BODY_BYTES = 5_000 * 1024 ** 2;
/** The server copies at most this much in one request; less keeps each of them short. */
const COPY_BLOCK_BYTES = 64 * 1024 ** 2;
const SMALL_BYTES = 8 * 1024 ** 2;
/** A hold has no end of its own. */
const FOR_EVER = '9999-12-31T23:59:59.999Z';
/** 501: emulators. */
const LOCKS_REFUSED = new Set([400, 501]);
const ONLY_NEW = { conditions: { ifNoneMatch: '*' } };

interface Request {
  readonly connection: AzureConnection;
  readonly container: ContainerClient;
  readonly abortSignal: AbortSignal;
}

/** A container of Azure Blob Storage, or a folder of one, as an object store. Creation is decided by the server (`If-None-Match: *`). */
export class AzureStore implements ObjectStore {
  readonly url: string;
  readonly place: StorePlace;
  readonly capabilities: StoreCapabilities = { atomicCreate: true, resumableUploads: true, objectLock: true };
  readonly #options: AzureOptions;
  #account: AzureAccount;
  #connection: Promise<AzureConnection> | undefined;
  /** Whether our credentials were good once. */
  #accepted = false;
  /** Whether the secrets were refused since they were read. */
  #refused = false;

  /** `BadInput` when the options and the environment name no account. */
  constructor(place: { readonly bucket: string; readonly prefix: string }, options: AzureOptions = {}) {
    this.url = `azblob://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix.slice(0, -1)}`}`;
    this.#options = options;
    this.#account = azureAccount(options);
    this.place = { scheme: 'azblob', endpoint: this.#account.endpoint, bucket: place.bucket, prefix: place.prefix };
  }

  /** The container must exist; folders need no preparation. */
  async prepare(options: CallOptions = {}): Promise<void> {
    // Who has a SAS token of the container may list it, but not ask for its properties.
    await this.#call('', options, async ({ container, abortSignal }) => {
      await container.listBlobsFlat({ abortSignal }).byPage({ maxPageSize: 1 }).next();
    });
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (body.byteLength > MAX_BODY_BYTES) {
      throw new HoldfastError('BadInput', `${this.url}: ${key} has ${body.byteLength} bytes`, {
        advice: 'Azure takes at most 5,000 MiB at once',
      });
    }
    await this.#blob(key, options, (blob, abortSignal) =>
      blob.upload(Buffer.from(body.buffer, body.byteOffset, body.byteLength), body.byteLength, {
        ...ONLY_NEW,
        ...this.#policy(),
        abortSignal,
      }),
    );
  }

  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    assertKey(this.url, key);
    if (source.sizeBytes <= SMALL_BYTES) {
      await this.create(key, await source.read({ offset: 0, length: source.sizeBytes }), options);
      options.onProgress?.(source.sizeBytes);
      return;
    }
    // Asked first, so that nothing is sent in vain; what decides is the condition of the last request.
    await this.#assertFree(key, options);
    const commit = { ...ONLY_NEW, ...this.#policy() };
    await sendBlocks((call, request) => this.#blob(key, call, request), source, { ...options, commit });
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    if (range?.length === 0) return readNothing(this, { key, range, missing: () => azureFailure(this.url, key, 'BlobNotFound') }, options);
    return this.#blob(key, options, async (blob, abortSignal) => {
      const answer = await blob.download(range?.offset ?? 0, range?.length, { abortSignal }).catch((error: unknown) => {
        throw range && azureStatus(error) === 416 ? tooShort(this.url, key, range) : error;
      });
      const expected = { url: this.url, key, range };
      const wanted = expectedLength(expected, { contentLength: answer.contentLength, contentRange: answer.contentRange });
      return assertWhole(expected, await collect(answer, abortSignal), wanted);
    });
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    return (await this.#properties(key, options))?.object;
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    const { after } = options;
    let token: string | undefined = '';
    do {
      const page: BlobPage = await this.#page(prefix, options, token);
      for (const { name, properties } of page.segment.blobItems) {
        const key = name.slice(this.place.prefix.length);
        // `startFrom` itself is included, and emulators do not know it.
        if (isKey(key) && (after === undefined || key > after)) yield described(key, properties.contentLength, properties.lastModified);
      }
      token = page.continuationToken;
    } while (token !== undefined && token !== '');
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const found = await this.#properties(key, options);
    // With versions, deleting a locked object would only hide it.
    if (found?.object.lockedUntil !== undefined) throw azureFailure(this.url, key, 'BlobImmutableDueToPolicy');
    if (found) {
      await this.#blob(key, options, (blob, abortSignal) => blob.deleteIfExists({ deleteSnapshots: 'include', abortSignal }));
    }
    if (found?.versioned !== false) await this.#deleteVersions(key, options);
  }

  canCopyFrom(source: StorePlace): boolean {
    const { secret } = this.#account;
    // A token of the container, not of the account, opens no other one.
    const reaches = secret.kind !== 'sas' || /(^|&)srt=/.test(secret.token) || source.bucket === this.place.bucket;
    return source.scheme === 'azblob' && source.endpoint === this.place.endpoint && reaches;
  }

  async copyFrom(source: StorePlace, key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#assertFree(key, options);
    const name = `${source.prefix}${key}`;
    const sizeBytes = await this.#call(key, options, async ({ connection, abortSignal }) => {
      const from = connection.container(source.bucket).getBlobClient(name);
      const found = await from.getProperties({ abortSignal }).catch((error: unknown) => {
        throw azureError(`azblob://${source.bucket}`, name, error);
      });
      return found.contentLength ?? 0;
    });
    const offsets = Array.from({ length: Math.ceil(sizeBytes / COPY_BLOCK_BYTES) }, (_, index) => index * COPY_BLOCK_BYTES);
    const names = blockNames(`copy of ${source.bucket}/${name}/${sizeBytes}`, offsets.length);
    for (const [index, offset] of offsets.entries()) {
      const length = Math.min(COPY_BLOCK_BYTES, sizeBytes - offset);
      await this.#call(key, options, async ({ connection, container, abortSignal }) => {
        const { url, authorization } = await connection.copySource(source.bucket, name);
        const access = authorization === undefined ? {} : { sourceAuthorization: authorization };
        const blob = container.getBlockBlobClient(this.#full(key));
        await blob.stageBlockFromURL(names[index] ?? '', url, offset, length, { abortSignal, ...access });
      });
    }
    await this.#blob(key, options, (blob, abortSignal) => blob.commitBlockList(names, { ...ONLY_NEW, ...this.#policy(), abortSignal }));
  }

  async lock(key: string, until: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const found = await this.#properties(key, options);
    if (!found) throw azureFailure(this.url, key, 'BlobNotFound');
    if (found.retainedUntilMs >= Date.parse(until)) return;
    const policyMode = found.compliance || this.#options.lock?.mode === 'compliance' ? 'Locked' : 'Unlocked';
    await this.#blob(key, options, async (blob, abortSignal) => {
      await blob.setImmutabilityPolicy({ expiriesOn: new Date(until), policyMode }, { abortSignal }).catch((error: unknown) => {
        throw LOCKS_REFUSED.has(azureStatus(error) ?? 0) ? this.#noLocks(key, error) : error;
      });
    });
  }

  async facts(options: CallOptions = {}): Promise<StoreFacts> {
    return this.#call('', options, async ({ container, abortSignal }) => {
      try {
        const found = await container.getProperties({ abortSignal });
        const objectLock = found.isImmutableStorageWithVersioningEnabled === true;
        // Versions are a setting of the account, which is not ours to ask for; such containers have them always.
        return { serverTime: this.#serverTime(found.date), versioning: objectLock ? true : undefined, objectLock };
      } catch (error) {
        if (azureStatus(error) !== 403) throw error;
        const serverTime = this.#serverTime(new Date(headerOf(error, 'date') ?? Number.NaN));
        return { serverTime, versioning: undefined, objectLock: undefined };
      }
    });
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    connection?.close();
  }

  async #page(prefix: string, options: CallOptions & { readonly after?: string }, token: string): Promise<BlobPage> {
    const startFrom = options.after === undefined ? {} : { startFrom: this.#full(options.after) };
    const settings = { maxPageSize: 5_000, ...(token === '' ? {} : { continuationToken: token }) };
    return this.#call(prefix, options, async ({ container, abortSignal }) => {
      const page = await container
        .listBlobsFlat({ prefix: this.#full(prefix), ...startFrom, abortSignal })
        .byPage(settings)
        .next();
      if (page.done === true) throw new Error('the answer has no page');
      return page.value;
    });
  }

  async #deleteVersions(key: string, options: CallOptions): Promise<void> {
    const name = this.#full(key);
    await this.#call(key, options, async ({ container, abortSignal }) => {
      try {
        for await (const version of container.listBlobsFlat({ prefix: name, includeVersions: true, abortSignal })) {
          // In order, and the name itself comes first.
          if (version.name !== name) return;
          if (version.versionId === undefined) continue;
          await container.getBlobClient(name).withVersion(version.versionId).deleteIfExists({ abortSignal });
        }
      } catch (error) {
        // Accounts with a hierarchical namespace have no versions, and say so.
        if (azureStatus(error) !== 400) throw error;
      }
    });
  }

  async #properties(key: string, options: CallOptions) {
    return this.#blob(key, options, async (blob, abortSignal) => {
      try {
        const found = await blob.getProperties({ abortSignal });
        const retainedUntilMs = found.immutabilityPolicyExpiresOn?.getTime() ?? 0;
        const until = found.legalHold === true ? FOR_EVER : new Date(retainedUntilMs).toISOString();
        const locked = Date.parse(until) > Date.now() ? { lockedUntil: until } : {};
        return {
          object: { ...described(key, found.contentLength, found.lastModified), ...locked },
          retainedUntilMs,
          // The SDK promises `Locked`, the service says `locked`.
          compliance: found.immutabilityPolicyMode?.toLowerCase() === 'locked',
          versioned: found.versionId !== undefined,
        };
      } catch (error) {
        if (azureStatus(error) !== 404 || azureCode(error) === 'ContainerNotFound') throw error;
        return undefined;
      }
    });
  }

  async #assertFree(key: string, options: CallOptions): Promise<void> {
    if (await this.stat(key, options)) throw azureFailure(this.url, key, 'BlobAlreadyExists');
  }

  #policy(): { readonly immutabilityPolicy?: BlobImmutabilityPolicy } {
    const { lock } = this.#options;
    if (!lock) return {};
    return { immutabilityPolicy: { expiriesOn: lockEnd(lock), policyMode: lock.mode === 'compliance' ? 'Locked' : 'Unlocked' } };
  }

  #noLocks(key: string, error: unknown): HoldfastError {
    return new HoldfastError('BadInput', `${this.url}: ${key}: the container takes no such lock`, {
      advice: 'make a container with version-level immutability',
      cause: plainCause(error),
    });
  }

  #full(key: string): string {
    return `${this.place.prefix}${key}`;
  }

  #serverTime(date: Date | undefined): string {
    if (date === undefined || Number.isNaN(date.getTime())) throw new HoldfastError('Unavailable', `${this.url}: the answer has no date`);
    return date.toISOString();
  }

  #blob<T>(key: string, options: CallOptions, request: (blob: BlockBlobClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#call(key, options, ({ container, abortSignal }) => request(container.getBlockBlobClient(this.#full(key)), abortSignal));
  }

  async #connect(): Promise<AzureConnection> {
    this.#connection ??= this.#newConnection();
    try {
      return await this.#connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async #newConnection(): Promise<AzureConnection> {
    const { renewedSecrets, caFile } = this.#options;
    if (this.#refused && renewedSecrets) this.#account = azureAccount({ ...this.#options, ...(await renewedSecrets()) });
    this.#refused = false;
    return connectAzure(this.#account, caFile);
  }

  async #call<T>(key: string, options: CallOptions, request: (call: Request) => Promise<T>): Promise<T> {
    try {
      const answer = await withDeadline(options.signal, this.#options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS, async (abortSignal) => {
        const connection = await this.#connect();
        return request({ connection, container: connection.container(this.place.bucket), abortSignal });
      });
      this.#accepted = true;
      return answer;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (credentialsRefused(error)) {
        // A new connection asks for credentials where they come from.
        this.#refused = true;
        await this.close();
        if (this.#accepted) throw credentialsExpired(this.url);
      }
      throw azureError(this.url, key, error);
    }
  }
}

function described(key: string, size: number | undefined, modified: Date | undefined): StoredObject {
  return { key, sizeBytes: size ?? 0, modifiedAt: (modified ?? new Date(0)).toISOString() };
}

async function collect(answer: BlobDownloadResponseParsed, signal: AbortSignal): Promise<Buffer> {
  const body = answer.readableStreamBody;
  if (!(body instanceof Readable)) throw new Error('the answer has no body');
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(signal, body)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
