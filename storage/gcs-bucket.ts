import { HoldfastError } from '../contracts/failures.ts';
import { withDeadline } from './deadline.ts';
import { GcsHttpError, type GcsAccess, type GcsAnswer, type GcsRequest } from './gcs-client.ts';
import { credentialsExpired, credentialsRefused, gcsError } from './gcs-errors.ts';
import { lockEnd, type LockPolicy } from './lock-policy.ts';
import type { CallOptions } from './object-store.ts';

const DEFAULT_TIMEOUT_MS = 60_000;

/** The part of an object's metadata that we ask for. Numbers are decimal strings. */
export interface GcsObject {
  readonly name: string;
  readonly generation?: string;
  readonly size?: string;
  readonly timeCreated?: string;
  readonly retention?: { readonly mode?: string; readonly retainUntilTime?: string };
  readonly retentionExpirationTime?: string;
  readonly temporaryHold?: boolean;
  readonly eventBasedHold?: boolean;
}

interface GcsPage {
  readonly items: readonly GcsObject[];
  readonly next: string | undefined;
}

/** What a new object gets besides its bytes. */
interface GcsProperties {
  readonly contentType: string;
  readonly retention?: { readonly mode: string; readonly retainUntilTime: string };
}

/** The requests to one bucket, by full object names, each with a deadline of its own and with failures translated. `key` is for messages. */
export class GcsBucket {
  readonly url: string;
  readonly #bucket: string;
  readonly #access: GcsAccess;

  constructor(url: string, bucket: string, access: GcsAccess) {
    this.url = url;
    this.#bucket = bucket;
    this.#access = access;
  }

  /** Writes an object if its name is free; false when it is taken. */
  async insert(
    name: string,
    body: Uint8Array,
    call: CallOptions & { readonly key: string; readonly unlocked?: boolean },
  ): Promise<boolean> {
    const properties = call.unlocked === true ? UNLOCKED : this.properties();
    const query = `name=${encodeURIComponent(name)}&ifGenerationMatch=0&fields=generation`;
    const { uploadType, ...content } = properties.retention ? withMetadata(properties, body) : plain(properties, body);
    const path = `/upload/storage/v1/b/${this.#bucket}/o?uploadType=${uploadType}&${query}`;
    const answer = await this.send(call.key, call, { method: 'POST', path, ...content, expect: [412] });
    return answer.status !== 412;
  }

  /** Undefined when there is no such object. */
  async metadata(name: string, key: string, options: CallOptions): Promise<GcsObject | undefined> {
    const fields = 'name,size,timeCreated,retention,retentionExpirationTime,temporaryHold,eventBasedHold';
    const answer = await this.send(key, options, { method: 'GET', path: `${this.path(name)}?fields=${fields}`, expect: [404] });
    if (answer.status !== 404) return this.parsed(key, answer) as GcsObject;
    await this.assertThere(options);
    return undefined;
  }

  async page(query: Readonly<Record<string, string>>, key: string, options: CallOptions): Promise<GcsPage> {
    const search = new URLSearchParams({ ...query, fields: 'items(name,size,timeCreated,generation),nextPageToken' });
    const request: GcsRequest = { method: 'GET', path: `/storage/v1/b/${this.#bucket}/o?${search.toString()}`, expect: [404] };
    const answer = await this.send(key, options, request);
    if (answer.status === 404) throw this.#gone(new GcsHttpError(answer));
    const { items = [], nextPageToken } = this.parsed(key, answer) as { items?: readonly GcsObject[]; nextPageToken?: string };
    return { items, next: nextPageToken === '' ? undefined : nextPageToken };
  }

  /** Every object whose full name begins with `prefix`. */
  async *all(prefix: string, key: string, options: CallOptions): AsyncGenerator<GcsObject> {
    let token: string | undefined;
    do {
      const page: GcsPage = await this.page({ prefix, ...(token === undefined ? {} : { pageToken: token }) }, key, options);
      yield* page.items;
      token = page.next;
    } while (token !== undefined);
  }

  /** Succeeds when there is none. */
  async remove(name: string, key: string, options: CallOptions & { readonly generation?: string }): Promise<void> {
    const query = options.generation === undefined ? '' : `?generation=${options.generation}`;
    await this.send(key, options, { method: 'DELETE', path: `${this.path(name)}${query}`, expect: [404] });
  }

  /** A 404 names neither object nor bucket; who may list can tell which of them is missing. */
  async assertThere(options: CallOptions): Promise<void> {
    await this.page({ maxResults: '1' }, '', options);
  }

  async send(key: string, options: CallOptions, request: GcsRequest): Promise<GcsAnswer> {
    try {
      const timeoutMs = this.#access.options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
      return await withDeadline(options.signal, timeoutMs, (signal) => this.#access.send(request, signal));
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof GcsHttpError && error.answer.status === 404 && key !== '') await this.assertThere(options);
      if (credentialsRefused(error) && (await this.#access.renew())) throw credentialsExpired(this.url);
      throw gcsError(this.url, key, error);
    }
  }

  /** The body of an answer; its caller says which of its fields it expects. */
  parsed(key: string, answer: GcsAnswer): unknown {
    try {
      return JSON.parse(answer.body.toString('utf8'));
    } catch (cause) {
      // It was done, but the answer about it did not arrive whole.
      throw gcsError(this.url, key, cause);
    }
  }

  path(name: string): string {
    return `/storage/v1/b/${this.#bucket}/o/${encodeURIComponent(name)}`;
  }

  /** Of the objects that are made now. */
  properties(): GcsProperties {
    const { lock } = this.#access.options;
    if (!lock) return UNLOCKED;
    return { ...UNLOCKED, retention: { mode: retentionMode(lock), retainUntilTime: lockEnd(lock).toISOString() } };
  }

  #gone(cause: unknown): HoldfastError {
    const advice = 'create the bucket, or correct the URL';
    return new HoldfastError('LocationGone', `${this.url}: the bucket does not exist`, { advice, cause });
  }
}

const UNLOCKED: GcsProperties = { contentType: 'application/octet-stream' };
const BOUNDARY = 'holdfast-b6f3c1d27a9e4850';

/** Google's names: an unlocked retention can be lifted by those who have a permission for it, a locked one by nobody. */
export function retentionMode(lock: LockPolicy | undefined): 'Locked' | 'Unlocked' {
  return lock?.mode === 'compliance' ? 'Locked' : 'Unlocked';
}

function plain({ contentType }: GcsProperties, body: Uint8Array) {
  return { uploadType: 'media', headers: { 'content-type': contentType }, body };
}

/** Retention can be set at creation only together with the metadata, in a body of two parts. The length decides, so the boundary may occur in it. */
function withMetadata(properties: GcsProperties, body: Uint8Array) {
  const head = `--${BOUNDARY}\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(properties)}\r\n`;
  const second = `--${BOUNDARY}\r\ncontent-type: ${properties.contentType}\r\n\r\n`;
  return {
    uploadType: 'multipart',
    headers: { 'content-type': `multipart/related; boundary=${BOUNDARY}` },
    body: Buffer.concat([Buffer.from(head + second), body, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]),
  };
}
