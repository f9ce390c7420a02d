import { Pool } from 'undici';
import { kubeconfigAccess } from '../test/support/raw-api.ts';
import { NAMESPACE_PATH, namespaceObject, type Posting } from './bench-objects.ts';
import { inParallel, until } from './in-parallel.ts';

const CONNECTIONS = 64;
const PAGE = 500;
const GONE_PATIENCE_MS = 600_000;

/** The API server with nothing of ours in between: what any client could reach at best. */
export class BareApi {
  readonly #pool: Pool;

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  static async open(kubeconfig: string): Promise<BareApi> {
    const { origin, tls } = await kubeconfigAccess(kubeconfig);
    return new BareApi(new Pool(origin, { connections: CONNECTIONS, connect: tls }));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Creates everything over 64 connections. Returns the seconds it took, namespaces not counted. */
  async post(namespaces: readonly string[], postings: readonly Posting[]): Promise<number> {
    await inParallel(namespaces, CONNECTIONS, (name) => this.#create(NAMESPACE_PATH, JSON.stringify(namespaceObject(name))));
    const bodies = postings.map(({ path, object }) => ({ path, body: JSON.stringify(object) }));
    const startedMs = performance.now();
    await inParallel(bodies, CONNECTIONS, ({ path, body }) => this.#create(path, body));
    return (performance.now() - startedMs) / 1_000;
  }

  /** Reads all pages of the collections one after the other, unparsed but for the page token. Returns the seconds. */
  async list(paths: readonly string[]): Promise<number> {
    const startedMs = performance.now();
    for (const path of paths) {
      let token = '';
      do {
        const page = await this.#read(`${path}?limit=${PAGE}&continue=${encodeURIComponent(token)}`);
        token = /"continue":"([^"]+)"/.exec(page.slice(0, 1_000))?.[1] ?? '';
      } while (token !== '');
    }
    return (performance.now() - startedMs) / 1_000;
  }

  /** Deletes namespaces and waits until the last is gone. */
  async removeNamespaces(names: readonly string[]): Promise<void> {
    await inParallel(names, CONNECTIONS, async (name) => {
      await this.#send('DELETE', `${NAMESPACE_PATH}/${name}`);
    });
    const isGone = async () => {
      const present = JSON.parse(await this.#read(NAMESPACE_PATH)) as {
        readonly items: readonly { readonly metadata: { readonly name: string } }[];
      };
      return !present.items.some(({ metadata }) => names.includes(metadata.name));
    };
    await until(`${names.length} namespaces are gone`, isGone, { everyMs: 500, patienceMs: GONE_PATIENCE_MS });
  }

  async #create(path: string, body: string): Promise<void> {
    const { status, text } = await this.#send('POST', path, body);
    if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status} ${text.slice(0, 200)}`);
  }

  async #read(path: string): Promise<string> {
    const { status, text } = await this.#send('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text.slice(0, 200)}`);
    return text;
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: string): Promise<{ status: number; text: string }> {
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const answer = await this.#pool.request({ method, path, headers, body: body ?? null });
    return { status: answer.statusCode, text: await answer.body.text() };
  }
}
