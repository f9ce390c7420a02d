import { readFile } from 'node:fs/promises';
import { Agent, request as send, type Dispatcher } from 'undici';
import { HoldfastError } from '../contracts/failures.ts';
import type { LockPolicy } from './lock-policy.ts';

/**
 * How to reach Google Cloud Storage. Credentials are the key file's, else the application default credentials: GOOGLE_APPLICATION_CREDENTIALS,
 * `gcloud auth application-default login`, workload identity (federation included), or the machine's service account.
 */
export interface GcsOptions {
  /**
   * Absent: STORAGE_EMULATOR_HOST, else Google's. An endpoint with `http://` is an emulator: no credentials are looked for, and none is sent
   * where others could read it.
   */
  readonly endpoint?: string;
  /** JSON key of a service account, or configuration of workload identity federation. */
  readonly keyFile?: string;
  /** PEM file with the certificate authorities to trust, in place of the system's. */
  readonly caFile?: string;
  /** Set on every object; the bucket must have been made with object retention enabled. */
  readonly lock?: LockPolicy;
  /** Milliseconds for one request with its body, default 60,000. */
  readonly requestTimeoutMs?: number;
}

export interface GcsRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the endpoint, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Failed statuses that are answers to this request; every other one rejects with `GcsHttpError`. */
  readonly expect?: readonly number[];
}

export interface GcsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** A failed answer of the server. */
export class GcsHttpError extends Error {
  override readonly name = 'GcsHttpError';
  readonly answer: GcsAnswer;

  constructor(answer: GcsAnswer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}

const GOOGLE = 'https://storage.googleapis.com';
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Where requests go: the option, the emulator of the environment (which may lack a scheme), or Google; without a slash at the end. */
export function gcsEndpoint(options: GcsOptions, environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const emulator = environment['STORAGE_EMULATOR_HOST'] ?? '';
  const endpoint = options.endpoint ?? (emulator === '' || emulator.includes('://') ? emulator : `http://${emulator}`);
  return (endpoint === '' ? GOOGLE : endpoint).replace(/\/+$/, '');
}

/**
 * The JSON API of Cloud Storage over connections of our own. Only the credentials come from Google's library: its requests can neither be
 * cancelled nor be kept from retrying by themselves, while attempts are counted in one place only, storage/with-retry.ts.
 */
class GcsConnection {
  readonly #endpoint: string;
  readonly #dispatcher: Dispatcher;
  readonly #authorize: () => Promise<Readonly<Record<string, string>>>;

  constructor(endpoint: string, dispatcher: Dispatcher, authorize: () => Promise<Readonly<Record<string, string>>>) {
    this.#endpoint = endpoint;
    this.#dispatcher = dispatcher;
    this.#authorize = authorize;
  }

  async send(request: GcsRequest, signal: AbortSignal): Promise<GcsAnswer> {
    const authorization = await untilAborted(this.#authorize(), signal);
    const answer = await send(`${this.#endpoint}${request.path}`, {
      dispatcher: this.#dispatcher,
      method: request.method,
      headers: { ...authorization, ...request.headers },
      body: request.body ?? null,
      signal,
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const read = { status: answer.statusCode, headers: single(answer.headers), body };
    if (read.status >= 300 && request.expect?.includes(read.status) !== true) throw new GcsHttpError(read);
    return read;
  }

  /** Ends what is still under way. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }
}

/** One connection for all buckets of an endpoint, made when it is first needed and made anew once its credentials are refused. */
export class GcsAccess {
  readonly options: GcsOptions;
  #connection: Promise<GcsConnection> | undefined;
  #accepted = false;

  constructor(options: GcsOptions) {
    this.options = options;
  }

  async send(request: GcsRequest, signal: AbortSignal): Promise<GcsAnswer> {
    this.#connection ??= connectGcs(this.options);
    const answer = await (await this.#connection).send(request, signal);
    this.#accepted = true;
    return answer;
  }

  /** Whether credentials that are refused now were good once: who asks for them again, where they come from, may get others. */
  async renew(): Promise<boolean> {
    await this.close();
    return this.#accepted;
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    await connection?.close();
  }
}

/** Sends nothing yet. A CA file or key file that cannot be read is `BadInput`. */
async function connectGcs(options: GcsOptions): Promise<GcsConnection> {
  const endpoint = gcsEndpoint(options);
  const ca = options.caFile === undefined ? {} : { ca: await readNamed('CA', options.caFile) };
  const dispatcher = new Agent({
    connections: 64,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // storage/deadline.ts is the one clock of a request.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...ca },
  });
  return new GcsConnection(endpoint, dispatcher, await authorizer(endpoint, options));
}

async function authorizer(endpoint: string, { keyFile }: GcsOptions): Promise<() => Promise<Readonly<Record<string, string>>>> {
  if (endpoint.startsWith('http://')) return () => Promise.resolve({});
  if (keyFile !== undefined) await readNamed('key', keyFile);
  // The library takes a while to load, so only those who use it load it.
  const { Storage } = await import('@google-cloud/storage');
  const { authClient } = new Storage(keyFile === undefined ? {} : { keyFilename: keyFile });
  return async () => Object.fromEntries((await authClient.getRequestHeaders(endpoint)).entries());
}

async function readNamed(what: 'CA' | 'key', path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('BadInput', `the ${what} file ${path} cannot be read`, { advice: 'correct the path in the location', cause });
  }
}

function single(headers: Readonly<Record<string, string | string[] | undefined>>): GcsAnswer['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));
}

/** Google's library cannot be told to stop asking for credentials; we can stop waiting for it. */
async function untilAborted<T>(waiting: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([waiting, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
