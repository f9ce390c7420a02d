import { createHash } from 'node:crypto';
import type { ChartArchive, ChartRepository, PushedChart } from './port.ts';
import { basicAuthorization, RepositoryClient, type RepositoryAnswer, type RepositorySettings } from './repository-client.ts';

/**
 * A ChartMuseum, by its API: `GET /api/charts/NAME/VERSION` for what is there, `POST /api/charts` to bring a chart, `?force` to replace one. With
 * more than one tenant, the tenant's path comes after `/api`.
 */
export class ChartMuseum implements ChartRepository {
  readonly name: string;
  readonly #client: RepositoryClient;
  readonly #base: string;
  readonly #api: string;

  constructor(settings: RepositorySettings) {
    this.name = settings.name;
    this.#client = new RepositoryClient(settings);
    const { origin, pathname } = new URL(settings.url);
    const context = trimmed(settings.contextPath ?? '');
    const path = trimmed(pathname);
    const tenant = context !== '' && `${path}/`.startsWith(`${context}/`) ? path.slice(context.length) : path;
    this.#base = `${origin}${path}`;
    this.#api = `${origin}${context}/api${tenant}/charts`;
  }

  async push(chart: ChartArchive, signal: AbortSignal): Promise<PushedChart> {
    const reference = `${this.#base}/charts/${chart.name}-${encodeURIComponent(chart.version)}.tgz`;
    const present = await this.#digest(chart, reference, signal);
    if (present === chart.sha256) return { outcome: 'present', reference, sha256: present };
    const { force = false } = this.#client.settings;
    if (present !== undefined && !force) return { outcome: 'differs', reference, sha256: present };
    const answer = await this.#send('POST', `${this.#api}${present === undefined ? '' : '?force'}`, { signal, body: chart.bytes });
    if (answer.status === 201) return { outcome: present === undefined ? 'pushed' : 'replaced', reference, sha256: chart.sha256 };
    // Somebody else was faster, or we were and the answer was lost.
    const winner = answer.status === 409 ? await this.#digest(chart, reference, signal) : undefined;
    if (winner === undefined) throw this.#client.refusal(`the chart ${chart.name} ${chart.version}`, answer);
    return { outcome: winner === chart.sha256 ? 'present' : 'differs', reference, sha256: winner };
  }

  /** SHA-256 of the archive that is there under the same version; undefined when there is none. */
  async #digest({ name, version }: ChartArchive, reference: string, signal: AbortSignal): Promise<string | undefined> {
    const url = `${this.#api}/${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
    const answer = await this.#send('GET', url, { signal });
    if (answer.status === 404) return undefined;
    const doing = `the question for chart ${name} ${version}`;
    if (answer.status !== 200) throw this.#client.refusal(doing, answer);
    const digest = /"digest"\s*:\s*"([0-9a-f]{64})"/.exec(answer.body.toString('utf8'))?.[1];
    if (digest !== undefined) return digest;
    // Not every server that speaks this API says it.
    const archive = await this.#send('GET', reference, { signal });
    if (archive.status !== 200) throw this.#client.refusal(doing, archive);
    return createHash('sha256').update(archive.body).digest('hex');
  }

  #send(method: 'GET' | 'POST', url: string, rest: { readonly signal: AbortSignal; readonly body?: Buffer }): Promise<RepositoryAnswer> {
    const { username, password = '', token } = this.#client.settings;
    const authorization =
      token === undefined ? (username === undefined ? undefined : basicAuthorization(username, password)) : `Bearer ${token}`;
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(rest.body === undefined ? {} : { 'content-type': 'application/gzip' }),
    };
    return this.#client.send({ method, url: new URL(url), headers, ...rest });
  }
}

function trimmed(path: string): string {
  const inner = path.replace(/^\/+|\/+$/g, '');
  return inner === '' ? '' : `/${inner}`;
}
