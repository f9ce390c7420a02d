import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FailureType } from '../contracts/failures.ts';
import type { ChartArchive, ChartRepository, PushedChart } from './port.ts';
import { RegistryAuth } from './registry-auth.ts';
import { jsonOf, RepositoryClient, type RepositoryAnswer, type RepositoryRequest, type RepositorySettings } from './repository-client.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.cncf.helm.config.v1+json';
const CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

const manifestDocument = z.object({ layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })) });

type Sent = Omit<RepositoryRequest, 'url'> & { readonly path: string };

/** A registry of the OCI Distribution Specification, with charts as Helm puts them there. */
export class OciRegistry implements ChartRepository {
  readonly name: string;
  readonly #client: RepositoryClient;
  readonly #origin: string;
  readonly #url: URL;
  readonly #auth: RegistryAuth;

  constructor(settings: RepositorySettings) {
    this.name = settings.name;
    this.#client = new RepositoryClient(settings);
    this.#auth = new RegistryAuth(this.#client);
    this.#url = new URL(settings.url);
    this.#origin = `${settings.plainHttp === true ? 'http' : 'https'}://${this.#url.host}`;
  }

  async push(chart: ChartArchive, signal: AbortSignal): Promise<PushedChart> {
    const repository = `${this.#url.pathname.replace(/^\/+|\/+$/g, '')}/${chart.name}`.replace(/^\//, '');
    // A tag may have no plus; Helm puts an underscore there, too.
    const tag = chart.version.replaceAll('+', '_');
    const reference = `oci://${this.#url.host}/${repository}:${tag}`;
    const present = await this.#chartDigest(repository, tag, signal);
    if (present === chart.sha256) return { outcome: 'present', reference, sha256: present };
    const { force = false } = this.#client.settings;
    if (present !== undefined && !force) return { outcome: 'differs', reference, sha256: present };

    const config = Buffer.from(JSON.stringify(chart.metadata));
    for (const blob of [config, chart.bytes]) await this.#pushBlob(repository, blob, signal);
    const manifest = manifestOf(chart, config);
    const headers = { 'content-type': MANIFEST };
    const answer = await this.#send({ method: 'PUT', path: `/v2/${repository}/manifests/${tag}`, headers, body: manifest, signal });
    if (answer.status !== 201) throw this.#client.refusal(`the manifest of ${repository}:${tag}`, answer);
    return { outcome: present === undefined ? 'pushed' : 'replaced', reference, sha256: chart.sha256 };
  }

  /** SHA-256 of the chart under the tag; undefined when there is no such tag. */
  async #chartDigest(repository: string, tag: string, signal: AbortSignal): Promise<string | undefined> {
    const headers = { accept: MANIFEST };
    const answer = await this.#send({ method: 'GET', path: `/v2/${repository}/manifests/${tag}`, headers, signal });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.#client.refusal(`the question for ${repository}:${tag}`, answer);
    const { data } = manifestDocument.safeParse(jsonOf(answer.body));
    const layer = data?.layers.find(({ mediaType }) => mediaType === CHART);
    // Something else than a chart is there: its own digest stands for it.
    return layer?.digest.replace(/^sha256:/, '') ?? sha256(answer.body);
  }

  async #pushBlob(repository: string, content: Buffer, signal: AbortSignal): Promise<void> {
    const digest = `sha256:${sha256(content)}`;
    const doing = `a blob of ${repository}`;
    const there = await this.#send({ method: 'HEAD', path: `/v2/${repository}/blobs/${digest}`, signal });
    if (there.status === 200) return;
    if (there.status !== 404) throw this.#client.refusal(doing, there);
    const begun = await this.#send({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, signal });
    const location = begun.header('location');
    if (begun.status !== 202 || location === '') throw this.#client.refusal(doing, begun);
    const path = withDigest(new URL(location, this.#origin), digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const stored = await this.#send({ method: 'PUT', path, headers, body: content, signal });
    if (stored.status !== 201) throw this.#client.refusal(doing, stored);
  }

  /** Answers a challenge once; what the server says then stands. */
  async #send({ path, headers = {}, ...rest }: Sent): Promise<RepositoryAnswer> {
    const url = new URL(path, this.#origin);
    if (url.protocol !== new URL(this.#origin).protocol) {
      throw this.#client.failure(FailureType.BadInput, `sends us to ${url.protocol}//${url.host}, away from ${this.#origin}`);
    }
    // Credentials are for this host alone, wherever it sends us.
    const own = url.origin === this.#origin;
    const attempt = () => this.#client.send({ ...rest, url, headers: { ...headers, ...(own ? this.#auth.headers() : {}) } });
    const answer = await attempt();
    if (answer.status !== 401 || !own || !(await this.#auth.accept(answer.header('www-authenticate'), rest.signal))) return answer;
    return attempt();
  }
}

/** No time of creation in it: the same chart is the same manifest. */
function manifestOf({ name, version, bytes, sha256: digest }: ChartArchive, config: Buffer): Buffer {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: `sha256:${sha256(config)}`, size: config.length },
    layers: [{ mediaType: CHART, digest: `sha256:${digest}`, size: bytes.length }],
    annotations: { 'org.opencontainers.image.title': name, 'org.opencontainers.image.version': version },
  };
  return Buffer.from(JSON.stringify(document));
}

function withDigest(url: URL, digest: string): string {
  url.searchParams.set('digest', digest);
  return url.href;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
