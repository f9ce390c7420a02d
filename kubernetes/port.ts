import type { JsonObject } from '../contracts/json.ts';
import type { DiscoveredType, ObjectRef, ResourceType } from '../contracts/resource.ts';

/**
 * The port to one cluster's API server: raw JSON in, raw JSON out. Nothing passes through typed models, so unknown fields, timestamps and
 * 64-bit numbers survive. Every method rejects with `HoldfastError`: `NotFound`, `AlreadyExists`, `Conflict`, `Forbidden` (401, 403),
 * `BadInput` (400, 422 and other refusals, with the server's message), `Unavailable` (429 and 5xx after the client's own retries, no
 * connection). `signal` ends a call promptly.
 */
export interface Cluster {
  /** The name the user knows it by. */
  readonly name: string;
  version(options?: CallOptions): Promise<{ readonly gitVersion: string }>;
  /** Every kind with its preferred version, by aggregated discovery (two requests). Groups whose server does not answer are named apart. */
  discover(options?: CallOptions): Promise<Discovery>;
  /** The etcd revision now, and the API server's clock. */
  now(options?: CallOptions): Promise<{ readonly revision: string; readonly serverTime: string }>;
  /** One page of a list. See `ListRequest`. */
  listPage(request: ListRequest, options?: CallOptions): Promise<ListPage>;
  /** The object, or undefined when there is none. */
  get(ref: ObjectRef, options?: CallOptions): Promise<RawObject | undefined>;
  /** POST. `AlreadyExists` when there is one. `dryRun` asks the server to validate only. */
  create(ref: ObjectRef, object: JsonObject, options: WriteOptions): Promise<void>;
  /** Server-side apply with force: our fields win. The object must not carry managedFields. */
  apply(ref: ObjectRef, object: JsonObject, options: WriteOptions): Promise<JsonObject>;
  /** JSON merge patch (RFC 7396). */
  patch(ref: ObjectRef, patch: JsonObject, options: WriteOptions & { readonly subresource?: string }): Promise<JsonObject>;
  /** Deletes in the background; succeeds when there is none. With `uid` only that incarnation (`Conflict` otherwise). */
  delete(ref: ObjectRef, options?: CallOptions & { readonly uid?: string }): Promise<void>;
  /** Events from `fromRevision` on until `signal`, a 410 (`Conflict`) or the caller stops; reconnects by itself, ends half-open connections. */
  watch(request: WatchRequest, options?: CallOptions): AsyncIterable<WatchEvent>;
  /**
   * Runs a command in a running container. Whatever the command's exit code, it is a result. `NotFound` when pod or container is gone,
   * `Unavailable` when the connection is lost: the command may then have run, or run still. Not repeated by itself.
   */
  exec(request: ExecRequest, options?: CallOptions): Promise<ExecResult>;
  /**
   * Lines of a container's log; with `follow` until the container ends. `NotFound` when there is no such container, `Unavailable` when the
   * connection is lost. A kubelet that restarts ends the log too: look at the pod before taking the end for the container's.
   */
  logs(request: LogsRequest, options?: CallOptions): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager: string;
  readonly dryRun?: boolean;
}

export interface Discovery {
  readonly types: readonly DiscoveredType[];
  /** Group/versions whose (aggregated) API server does not answer. */
  readonly unavailable: readonly { readonly groupVersion: string; readonly reason: string }[];
}

export interface ListRequest {
  readonly type: ResourceType;
  /** '' lists the whole cluster. */
  readonly namespace: string;
  /** '' for none; passed to the server. */
  readonly labelSelector: string;
  /** Objects a page. */
  readonly limit: number;
  /** List exactly at this revision (`resourceVersionMatch=Exact`); '' for a consistent read now. Not used when `continueToken` is set. */
  readonly exactRevision: string;
  /** The last page's token; '' for the first page. */
  readonly continueToken: string;
}

export interface ListPage {
  /** The revision of the page as the server says it. */
  readonly revision: string;
  /** '' on the last page. */
  readonly continueToken: string;
  readonly items: readonly RawObject[];
}

/** An object as it came: the exact bytes, and the same parsed without loss. List items of built-in kinds lack apiVersion and kind. */
export interface RawObject {
  readonly bytes: Buffer;
  readonly object: JsonObject;
}

export interface WatchRequest {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly fromRevision: string;
}

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  /** '' for the pod's first. */
  readonly container: string;
  /** Program and arguments; no shell takes part. */
  readonly command: readonly string[];
  /**
   * Read as fast as the command takes it. Its end reaches the command with API servers from 1.30 on; older ones keep the command's input
   * open, so that it must know by itself when to end.
   */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Gets the output in place of `ExecResult.stdout`; the command waits while it is at work. What it throws ends the call. */
  readonly onStdout?: (chunk: Buffer) => void | Promise<void>;
}

export interface ExecResult {
  /** 127 when the container has no such program. */
  readonly exitCode: number;
  /** UTF-8, the last 64 KiB; '' with `onStdout`. */
  readonly stdout: string;
  /** UTF-8, the last 64 KiB. */
  readonly stderr: string;
}

export interface LogsRequest {
  readonly namespace: string;
  readonly pod: string;
  /** '' for the pod's first. */
  readonly container: string;
  readonly follow: boolean;
  /** ISO-8601: lines since then. */
  readonly sinceTime?: string;
  /** Begin so many lines before the end. */
  readonly tailLines?: number;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: JsonObject;
}

/** The list could not be served at the wanted revision (410 Gone, or a server that does not know exact lists); the message is for people. */
export class RevisionGone extends Error {
  override readonly name = 'RevisionGone';
  /** Where to go on at a later revision, as the server offers it for an expired page token; '' to begin again. */
  readonly continueToken: string;

  constructor(message: string, continueToken = '') {
    super(message);
    this.continueToken = continueToken;
  }
}
