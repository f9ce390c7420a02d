import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { loadImage } from '../../sandbox/node/image-archive.ts';
import type { SearchEngine } from '../../sandbox/node/search-engine-files.ts';
import { searchEngineImage } from '../../sandbox/node/search-engine-image.ts';
import { NodePlace } from '../support/node-place.ts';
import { loseNamespace, volumeAndClaim } from '../support/node-volumes.ts';
import { namespace as namespaceObject } from '../support/objects.ts';
import { until, type PlainObject } from '../support/raw-api.ts';

const DOCUMENTS = 100_000;
const BULK = 10_000;
const CLAIMS = ['data-search-0', 'snapshots'] as const;

describe('a search engine on a real node', () => {
  let trial: NodePlace;

  beforeAll(async () => {
    trial = await NodePlace.open();
  }, 240_000);

  afterAll(async () => {
    await trial.close();
  }, 120_000);

  it.each(['elasticsearch', 'opensearch'] as const)(
    '%s comes back with all of its documents from a backup of its namespace',
    async (engine) => {
      const { place } = trial;
      await loadImage(trial.node.place, searchEngineImage(engine));
      await place.api.create(namespaceObject(engine));
      for (const object of objectsOf(engine)) await place.api.create(object);
      await fill(await origin(engine));
      const before = await contentOf(await origin(engine));
      expect(before.count).toBe(DOCUMENTS);

      await succeed(`backup create ${engine} -n ${engine}`);
      const described = SCHEMAS['backup-describe'].parse(JSON.parse(await succeed(`backup describe ${engine} -o json`)));
      expect(described.volumes).toMatchObject([
        { claim: 'data-search-0', method: 'skip' },
        { claim: 'snapshots', method: 'file-system', consistency: 'application', quiescedBy: 'elasticsearch' },
      ]);

      expect(described.applications).toMatchObject([
        { task: { plugin: 'elasticsearch', application: 'search' }, consistency: 'application' },
      ]);

      await loseNamespace(trial, engine, CLAIMS);
      await succeed(`restore create ${engine} --from-backup ${engine}`);
      const after = await origin(engine);
      expect(await contentOf(after)).toEqual(before);
      expect(await json(`${after}/_cluster/health`)).toMatchObject({ status: 'green' });
      expect(await json(`${after}/_index_template/orders`)).toMatchObject({ index_templates: [{ name: 'orders' }] });
      await loseNamespace(trial, engine, CLAIMS);
    },
    1_200_000,
  );

  async function succeed(line: string): Promise<string> {
    const { code, stdout, stderr } = await trial.hold(line);
    if (code !== 0) throw new Error(`${line}: ${code} ${stdout} ${stderr}`);
    return stdout;
  }

  /** Where the engine answers, once its pod is ready. */
  async function origin(engine: SearchEngine): Promise<string> {
    let url = '';
    await until(
      `${engine} answers`,
      async () => {
        const pod = await trial.place.api.get(`/api/v1/namespaces/${engine}/pods/search-0`);
        const { podIP = '' } = (pod?.['status'] ?? {}) as { readonly podIP?: string };
        url = `http://${podIP}:9200`;
        return (
          podIP !== '' &&
          (await fetch(`${url}/_cluster/health`, { signal: AbortSignal.timeout(5_000) }).then(
            ({ ok }) => ok,
            () => false,
          ))
        );
      },
      400_000,
    );
    return url;
  }
});

function objectsOf(engine: SearchEngine): readonly PlainObject[] {
  return [...CLAIMS.flatMap((name) => Object.values(volumeAndClaim(engine, name))), statefulSet(engine)];
}

function statefulSet(engine: SearchEngine): PlainObject {
  const home = `/usr/share/${engine}`;
  const volumeMounts = [
    { name: 'data', mountPath: `${home}/data` },
    { name: 'snapshots', mountPath: '/snapshots' },
  ];
  const variable = engine === 'elasticsearch' ? 'ES_JAVA_OPTS' : 'OPENSEARCH_JAVA_OPTS';
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: engine, name: 'search' },
    spec: {
      replicas: 1,
      serviceName: 'search',
      selector: { matchLabels: { app: 'search' } },
      template: {
        metadata: { labels: { app: 'search' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          initContainers: [
            { name: 'own', image: 'holdfast/busybox:1', command: ['chown', '-R', '1000:0', `${home}/data`, '/snapshots'], volumeMounts },
          ],
          containers: [
            {
              name: 'engine',
              image: searchEngineImage(engine).name,
              env: [
                { name: variable, value: '-Xms400m -Xmx400m -XX:TieredStopAtLevel=1' },
                { name: 'path.repo', value: '/snapshots' },
                { name: 'cluster.routing.allocation.disk.threshold_enabled', value: 'false' },
              ],
              readinessProbe: { httpGet: { path: '/_cluster/health', port: 9200 }, periodSeconds: 2 },
              volumeMounts,
            },
          ],
          volumes: [
            { name: 'data', persistentVolumeClaim: { claimName: 'data-search-0' } },
            { name: 'snapshots', persistentVolumeClaim: { claimName: 'snapshots' } },
          ],
        },
      },
    },
  };
}

async function json(url: string, method = 'GET', body?: string): Promise<unknown> {
  const answer = await fetch(url, { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text.slice(0, 600)}`);
  return JSON.parse(text) as unknown;
}

async function fill(origin: string): Promise<void> {
  const template = { index_patterns: ['orders'], template: { settings: { number_of_shards: 2, number_of_replicas: 0 } } };
  await json(`${origin}/_index_template/orders`, 'PUT', JSON.stringify(template));
  for (let first = 0; first < DOCUMENTS; first += BULK) {
    const lines = Array.from({ length: BULK }, (_, n) => first + n).flatMap((id) => [
      { index: { _id: String(id) } },
      { id, customer: id % 977, text: createHash('sha256').update(String(id)).digest('hex') },
    ]);
    const answer = await json(`${origin}/orders/_bulk`, 'POST', `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    expect(answer).toMatchObject({ errors: false });
  }
  await json(`${origin}/orders/_refresh`, 'POST');
}

/** How many documents there are, and a hash over all of them in the order of their ids. */
async function contentOf(origin: string): Promise<{ readonly count: number; readonly hash: string }> {
  const hash = createHash('sha256');
  let count = 0;
  for (let after: unknown[] | undefined; ;) {
    const query = { size: BULK, sort: [{ id: 'asc' }], ...(after ? { search_after: after } : {}) };
    const answer = (await json(`${origin}/orders/_search`, 'POST', JSON.stringify(query))) as {
      hits: { hits: { _id: string; _source: unknown; sort: unknown[] }[] };
    };
    const { hits } = answer.hits;
    for (const { _id, _source } of hits) hash.update(JSON.stringify([_id, _source]));
    count += hits.length;
    after = hits.at(-1)?.sort;
    if (after === undefined) return { count, hash: hash.digest('hex') };
  }
}
