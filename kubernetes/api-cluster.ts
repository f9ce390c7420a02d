import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import type { ObjectRef } from '../contracts/resource.ts';
import { parseLossless, stringifyLossless } from '../domain/json/lossless.ts';
import { isObject, textAt } from '../domain/resource/fields.ts';
import { discover } from './discovery.ts';
import { exec } from './exec.ts';
import type { WireAnswer } from './exchange.ts';
import { refusedFailure } from './failures.ts';
import { HttpClient, type ApiRequest, type HttpClientOptions } from './http-client.ts';
import { loadClusterAccess } from './kube-config.ts';
import { splitList } from './list-splitter.ts';
import { listPage } from './lists.ts';
import { logs } from './logs.ts';
import { describe, subjectOf, type Operation } from './operation.ts';
import { collectionPath, objectPath, withQuery, type Query } from './paths.ts';
import type {
  CallOptions,
  Cluster,
  Discovery,
  ExecRequest,
  ExecResult,
  ListPage,
  ListRequest,
  LogsRequest,
  RawObject,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from './port.ts';
import { watch } from './watch.ts';
import { yamlSafe } from './yaml-safe.ts';

export interface ConnectOptions {
  /** The name the user knows the cluster by. */
  readonly name: string;
  /** Path, or '' for KUBECONFIG, the default file or the pod's own credentials. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
  readonly http?: HttpClientOptions;
}

/** Reads the credentials; sends nothing yet. `NotFound` or `BadInput` when the kubeconfig, or the context in it, is not usable. */
export async function connectCluster(options: ConnectOptions): Promise<Cluster> {
  const access = await loadClusterAccess(options);
  return new ApiCluster(options.name, new HttpClient(access, options.http));
}

/** Nobody reads the object that a create answers with: its metadata is less work for both sides. Servers that cannot, send it whole. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

class ApiCluster implements Cluster {
  readonly name: string;
  readonly #client: HttpClient;

  constructor(name: string, client: HttpClient) {
    this.name = name;
    this.#client = client;
  }

  async version(options: CallOptions = {}): Promise<{ readonly gitVersion: string }> {
    const document = await this.#read('/version', options);
    return { gitVersion: textAt(document, 'gitVersion') };
  }

  async discover(options: CallOptions = {}): Promise<Discovery> {
    return discover((path, accept) => this.#read(path, { ...options, accept }));
  }

  async now(options: CallOptions = {}): Promise<{ readonly revision: string; readonly serverTime: string }> {
    const answer = await this.#send('list', 'namespaces', { method: 'GET', path: '/api/v1/namespaces?limit=1', ...options });
    const date = answer.headers['date'];
    const time = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(time)) {
      throw new HoldfastError(FailureType.Unavailable, `cluster ${this.name}: the API server's answer has no date`);
    }
    return { revision: splitList(answer.body).resourceVersion, serverTime: new Date(time).toISOString() };
  }

  async listPage(request: ListRequest, options: CallOptions = {}): Promise<ListPage> {
    return listPage(this.#client, this.name, { ...request, ...options });
  }

  async get(ref: ObjectRef, options: CallOptions = {}): Promise<RawObject | undefined> {
    const operation = this.#operation('get', subjectOf(ref));
    const answer = await this.#client.send({ method: 'GET', path: objectPath(ref), operation, ...options });
    if (answer.status === 404) return undefined;
    return { bytes: answer.body, object: readObject(operation, accepted(operation, answer)) };
  }

  async create(ref: ObjectRef, object: JsonObject, options: WriteOptions): Promise<void> {
    const path = withQuery(collectionPath(ref.type, ref.namespace), writeQuery(options));
    const request = { method: 'POST', path, body: stringifyLossless(object), accept: METADATA_ONLY, signal: options.signal } as const;
    await this.#send('create', subjectOf(ref), request);
  }

  async apply(ref: ObjectRef, object: JsonObject, options: WriteOptions): Promise<JsonObject> {
    const path = withQuery(objectPath(ref), { ...writeQuery(options), force: 'true' });
    const body = yamlSafe(stringifyLossless(object));
    return this.#write('apply', ref, {
      method: 'PATCH',
      path,
      body,
      contentType: 'application/apply-patch+yaml',
      signal: options.signal,
    });
  }

  async patch(ref: ObjectRef, patch: JsonObject, options: WriteOptions & { readonly subresource?: string }): Promise<JsonObject> {
    const path = withQuery(objectPath(ref, options.subresource), writeQuery(options));
    const body = stringifyLossless(patch);
    return this.#write('patch', ref, {
      method: 'PATCH',
      path,
      body,
      contentType: 'application/merge-patch+json',
      signal: options.signal,
    });
  }

  async delete(ref: ObjectRef, options: CallOptions & { readonly uid?: string } = {}): Promise<void> {
    const preconditions = options.uid === undefined ? {} : { preconditions: { uid: options.uid } };
    const body = stringifyLossless({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions });
    const operation = this.#operation('delete', subjectOf(ref));
    const answer = await this.#client.send({ method: 'DELETE', path: objectPath(ref), body, operation, signal: options.signal });
    if (answer.status !== 404) accepted(operation, answer);
  }

  watch(request: WatchRequest, options: CallOptions = {}): AsyncIterable<WatchEvent> {
    return watch(this.#client, this.name, { ...request, ...options });
  }

  async exec(request: ExecRequest, options: CallOptions = {}): Promise<ExecResult> {
    return exec(this.#client, this.name, { ...request, ...options });
  }

  logs(request: LogsRequest, options: CallOptions = {}): AsyncIterable<string> {
    return logs(this.#client, this.name, { ...request, ...options });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #read(path: string, options: CallOptions & { readonly accept?: string }): Promise<JsonObject> {
    const answer = await this.#send('read', path, { method: 'GET', path, ...options });
    return readObject(this.#operation('read', path), answer);
  }

  async #write(verb: string, ref: ObjectRef, request: Omit<ApiRequest, 'operation'>): Promise<JsonObject> {
    const subject = subjectOf(ref);
    return readObject(this.#operation(verb, subject), await this.#send(verb, subject, request));
  }

  async #send(verb: string, subject: string, request: Omit<ApiRequest, 'operation'>): Promise<WireAnswer> {
    const operation = this.#operation(verb, subject);
    return accepted(operation, await this.#client.send({ ...request, operation }));
  }

  #operation(verb: string, subject: string): Operation {
    return { verb, subject, cluster: this.name };
  }
}

/** Unknown fields are left to the server: kinds that preserve them keep them, the others drop them. */
function writeQuery({ fieldManager, dryRun }: WriteOptions): Query {
  return { fieldManager, fieldValidation: 'Ignore', dryRun: dryRun === true ? 'All' : '' };
}

function accepted(operation: Operation, answer: WireAnswer): WireAnswer {
  if (answer.status < 200 || answer.status > 299) throw refusedFailure(operation, answer);
  return answer;
}

function readObject(operation: Operation, answer: WireAnswer): JsonObject {
  let parsed: Json = null;
  try {
    parsed = parseLossless(answer.body.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (isObject(parsed)) return parsed;
  throw new HoldfastError(FailureType.Unavailable, `${describe(operation)}: the answer is not a JSON object`, {
    advice: 'check that the server address in the kubeconfig is that of an API server',
  });
}
