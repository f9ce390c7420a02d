import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { parse, stringify } from 'yaml';

export interface MuseumOptions {
  readonly basic?: { readonly username: string; readonly password: string };
  readonly bearer?: string;
  /** Levels of tenants in the path: `--depth`. */
  readonly depth?: number;
}

interface StoredChart {
  readonly metadata: { readonly name: string; readonly version: string };
  readonly bytes: Buffer;
}

/** What happens to the next requests in place of an answer. */
export type MuseumFault = number | 'reset';

/**
 * A server of ours that speaks ChartMuseum's HTTP API as its documentation has it; ChartMuseum itself is in no package registry. `GET /index.yaml`,
 * `GET /charts/FILE`, `GET /api/charts[/NAME[/VERSION]]`, `POST /api/charts` (201; 409 for a version that is there, unless `?force`), with basic or
 * bearer authentication. `/api/TENANT/charts` and `/TENANT/index.yaml` with a depth.
 */
export class TestChartMuseum {
  readonly url: string;
  readonly requests: string[] = [];
  readonly faults: MuseumFault[] = [];
  readonly #server: Server;
  readonly #charts = new Map<string, StoredChart>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(options: MuseumOptions = {}): Promise<TestChartMuseum> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const museum = new TestChartMuseum(server);
    server.on('request', (request, response) => void museum.#handle(request, response, options));
    return museum;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse, options: MuseumOptions): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    this.requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const body = await buffer(request);
    const fault = this.faults.shift();
    if (fault === 'reset') return void request.socket.destroy();
    if (fault !== undefined) {
      answer(response, fault, { error: 'as the test wants it' });
      return;
    }
    if (!isAllowed(request.headers.authorization, options)) {
      response.setHeader('www-authenticate', options.bearer === undefined ? 'Basic realm="ChartMuseum"' : 'Bearer realm="x"');
      answer(response, 401, { error: 'unauthorized' });
      return;
    }
    const parts = url.pathname.split('/').slice(1).map(decodeURIComponent);
    const isApi = parts[0] === 'api';
    const rest = isApi ? parts.slice(1) : parts;
    const tenant = rest.splice(0, options.depth ?? 0).join('/');
    const place = { tenant, rest, isForced: url.searchParams.has('force') };
    if (isApi && rest[0] === 'charts') this.#api(request.method ?? '', { ...place, rest: rest.slice(1), body }, response);
    else if (rest[0] === 'index.yaml') response.end(stringify(this.#index(tenant)));
    else this.#download(tenant, rest, response);
  }

  #api(method: string, place: { tenant: string; rest: string[]; isForced: boolean; body: Buffer }, response: ServerResponse): void {
    const { tenant, rest, isForced, body } = place;
    if (method === 'POST') {
      const metadata = chartMetadata(body);
      if (metadata === undefined) {
        answer(response, 400, { error: 'no such file Chart.yaml' });
        return;
      }
      const key = `${tenant}/${metadata.name}-${metadata.version}.tgz`;
      if (this.#charts.has(key) && !isForced) {
        answer(response, 409, { error: `${key.slice(tenant.length + 1)} already exists` });
        return;
      }
      this.#charts.set(key, { metadata, bytes: body });
      answer(response, 201, { saved: true });
      return;
    }
    const [name, version] = rest;
    const versions = this.#index(tenant).entries[name ?? ''] ?? [];
    const found = versions.find((entry) => entry.version === version);
    if (name === undefined) {
      answer(response, 200, this.#index(tenant).entries);
      return;
    }
    if (version === undefined && versions.length > 0) {
      answer(response, 200, versions);
      return;
    }
    if (found) {
      answer(response, 200, found);
      return;
    }
    answer(response, 404, { error: 'not found' });
  }

  #index(tenant: string) {
    const entries: Record<string, { version: string; digest: string; urls: string[] }[]> = {};
    for (const [key, { metadata, bytes }] of this.#charts) {
      if (!key.startsWith(`${tenant}/`)) continue;
      const file = key.slice(tenant.length + 1);
      (entries[metadata.name] ??= []).push({ ...metadata, digest: sha256(bytes), urls: [`charts/${file}`] });
    }
    return { apiVersion: 'v1', entries };
  }

  #download(tenant: string, rest: readonly string[], response: ServerResponse): void {
    const chart = rest[0] === 'charts' ? this.#charts.get(`${tenant}/${rest[1] ?? ''}`) : undefined;
    if (chart) response.writeHead(200, { 'content-type': 'application/x-tar' }).end(chart.bytes);
    else answer(response, 404, { error: 'not found' });
  }
}

function isAllowed(header: string | undefined, { basic, bearer }: MuseumOptions): boolean {
  if (bearer !== undefined) return header === `Bearer ${bearer}`;
  if (basic === undefined) return true;
  return header === `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

/** The first file of an archive of ours is Chart.yaml. */
function chartMetadata(archive: Buffer): StoredChart['metadata'] | undefined {
  try {
    const tar = gunzipSync(archive);
    const size = parseInt(tar.toString('latin1', 124, 135), 8);
    return parse(tar.toString('utf8', 512, 512 + size)) as StoredChart['metadata'];
  } catch {
    return undefined;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
