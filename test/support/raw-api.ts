import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';

/** Plain JSON as `JSON.parse` makes it. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
export type PlainObject = Record<string, Plain>;

export interface ApiKind {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

interface KubeconfigFile {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
}

/** What a client needs to reach the API server of a sandbox's kubeconfig. */
export async function kubeconfigAccess(file: string) {
  const { clusters, users } = parse(await readFile(file, 'utf8')) as KubeconfigFile;
  const [{ cluster }, { user }] = [clusters[0]!, users[0]!];
  const decode = (encoded: string) => Buffer.from(encoded, 'base64');
  const ca = decode(cluster['certificate-authority-data']);
  return { origin: cluster.server, tls: { ca, cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']) } };
}

/**
 * An API client that shares nothing with the product's: what tests create, read and compare with must not depend on the code under test.
 * No cleverness.
 */
export class RawApi {
  readonly #origin: string;
  readonly #agent: Agent;
  #kinds: Promise<readonly ApiKind[]> | undefined;

  private constructor(origin: string, agent: Agent) {
    this.#origin = origin;
    this.#agent = agent;
  }

  static async open(kubeconfig: string): Promise<RawApi> {
    const { origin, tls } = await kubeconfigAccess(kubeconfig);
    return new RawApi(origin, new Agent({ keepAlive: true, maxSockets: 24, ...tls }));
  }

  close(): void {
    this.#agent.destroy();
  }

  /** A server that asks to wait (429: a new definition's storage begins) is asked again. */
  async send(method: string, path: string, body?: string, headers: Readonly<Record<string, string>> = {}): Promise<ApiAnswer> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#sendOnce(method, path, body, headers);
      if (answer.status !== 429 || attempt === 30) return answer;
      await delay(500);
    }
  }

  async #sendOnce(method: string, path: string, body: string | undefined, headers: Readonly<Record<string, string>>): Promise<ApiAnswer> {
    const sent = request(new URL(path, this.#origin), {
      method,
      agent: this.#agent,
      headers: { 'content-type': 'application/json', ...headers },
    });
    // A connection that breaks after the beginning of an answer is the answer's reader's business.
    sent.on('error', () => undefined);
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, text: await text(answer) };
  }

  /** Rejects with the server's words for everything but 2xx. */
  async json(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<PlainObject> {
    const answer = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body), headers);
    if (answer.status < 200 || answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 600)}`);
    return JSON.parse(answer.text) as PlainObject;
  }

  /** Undefined for 404. */
  async get(path: string): Promise<PlainObject | undefined> {
    const answer = await this.send('GET', path);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text.slice(0, 600)}`);
    return JSON.parse(answer.text) as PlainObject;
  }

  /** Every kind in its group's preferred version. Read once; `forgetKinds` after definitions have changed. */
  kinds(): Promise<readonly ApiKind[]> {
    this.#kinds ??= this.#discover();
    return this.#kinds;
  }

  forgetKinds(): void {
    this.#kinds = undefined;
  }

  /** Path of a kind's collection. */
  collection({ group, version, plural, namespaced }: ApiKind, namespace: string): string {
    const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return namespaced && namespace !== '' ? `${base}/namespaces/${namespace}/${plural}` : `${base}/${plural}`;
  }

  /** The kind of a manifest; asks the server again when it does not know it yet. */
  async kindOf(apiVersion: string, kind: string): Promise<ApiKind> {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    for (let attempt = 0; ; attempt += 1) {
      const found = (await this.kinds()).find((candidate) => candidate.kind === kind && candidate.group === group);
      if (found) return { ...found, version };
      if (attempt > 50) throw new Error(`${apiVersion} ${kind} is not served`);
      this.forgetKinds();
      await delay(200);
    }
  }

  /** Creates an object of any kind. */
  async create(manifest: object): Promise<PlainObject> {
    const { path, namespace } = await this.#place(manifest);
    const collection = path.slice(0, path.lastIndexOf('/'));
    // A service account's existence is what admission waits for in a new namespace.
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.send('POST', collection, JSON.stringify(manifest));
      if (answer.status === 201) return JSON.parse(answer.text) as PlainObject;
      const early = /serviceaccount ".*" not found|no matches for kind|404 page not found/.test(answer.text);
      if (!early || attempt > 50) throw new Error(`POST ${collection} (${namespace}): ${answer.status} ${answer.text.slice(0, 600)}`);
      await delay(200);
    }
  }

  async read(manifest: object): Promise<PlainObject | undefined> {
    return this.get((await this.#place(manifest)).path);
  }

  async remove(manifest: object): Promise<void> {
    await this.send('DELETE', (await this.#place(manifest)).path);
  }

  async mergePatch(manifest: object, patch: unknown, subresource = ''): Promise<PlainObject> {
    const { path } = await this.#place(manifest);
    return this.json('PATCH', `${path}${subresource}`, patch, { 'content-type': 'application/merge-patch+json' });
  }

  /** Deletes namespaces with all that is in them, and waits until they are gone. */
  async removeNamespaces(...names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.send('DELETE', `/api/v1/namespaces/${name}`)));
    for (const name of names) {
      await until(`namespace ${name} is gone`, async () => (await this.get(`/api/v1/namespaces/${name}`)) === undefined, 90_000);
    }
  }

  async #place(manifest: object): Promise<{ readonly path: string; readonly namespace: string }> {
    const { apiVersion, kind, metadata } = manifest as { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } };
    const type = await this.kindOf(apiVersion, kind);
    const namespace = type.namespaced ? (metadata.namespace ?? 'default') : '';
    return { path: `${this.collection(type, namespace)}/${metadata.name}`, namespace };
  }

  async #discover(): Promise<readonly ApiKind[]> {
    const accept = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' };
    const kinds: ApiKind[] = [];
    for (const path of ['/api', '/apis']) {
      const { items } = (await this.json('GET', path, undefined, accept)) as unknown as { items: readonly DiscoveredGroup[] };
      for (const { metadata, versions } of items) {
        const [preferred] = versions;
        for (const { resource, scope, responseKind, verbs } of preferred?.resources ?? []) {
          const group = metadata.name ?? '';
          const { version } = preferred!;
          kinds.push({ group, version, kind: responseKind.kind, plural: resource, namespaced: scope === 'Namespaced', verbs });
        }
      }
    }
    return kinds;
  }
}

interface DiscoveredGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly {
      readonly resource: string;
      readonly scope: string;
      readonly responseKind: { readonly kind: string };
      readonly verbs: readonly string[];
    }[];
  }[];
}

/** Waits for something; rejects with what it was when it does not come. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(100);
  }
}

/** Runs work for every item, `width` at a time. A failure is thrown when everything that was begun has ended. */
export async function eachOf<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items].values();
  const lanes = Array.from({ length: width }, async () => {
    for (const item of queue) await work(item);
  });
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}
