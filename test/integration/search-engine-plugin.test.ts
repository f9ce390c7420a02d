import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { elasticsearchPlugin as plugin } from '../../plugins/elasticsearch/elasticsearch.ts';
import type { RecoverContext } from '../../plugins/plugin.ts';
import { pluginContext, pod, stateOf, type KeptStreams } from '../support/plugin-context.ts';
import { searchEngineServer, type SearchEngineServer } from '../support/search-engine-server.ts';

const DOCUMENTS = 2_000;
const BULK = 1_000;

describe.each(['elasticsearch', 'opensearch'] as const)('%s and its plugin', (engine) => {
  let source: SearchEngineServer;
  let target: SearchEngineServer;
  let kept: KeptStreams;
  let state: JsonObject;

  beforeAll(async () => {
    source = await searchEngineServer(engine);
    await source.ask('PUT', '/orders', { settings: { 'index.number_of_shards': 2, 'index.number_of_replicas': 0 } });
    await source.ask('PUT', '/.secret-notes', {
      settings: { 'index.hidden': true, 'index.number_of_replicas': 0 },
      aliases: { notes: {} },
    });
    await source.ask('PUT', '/wants-replicas', { settings: { 'index.number_of_replicas': 1 } });
    await source.ask('PUT', '/_index_template/shop', { index_patterns: ['shop-*'], template: { settings: { number_of_shards: 3 } } });
    await fill(source, 'orders', DOCUMENTS);
    await fill(source, '.secret-notes', 10);
    await source.ask('PUT', '/_snapshot/mine', { type: 'fs', settings: { location: 'mine' } });
    await source.ask('PUT', '/_snapshot/mine/holdfast-of-somebody?wait_for_completion=true', { indices: 'orders' });
    kept = pluginContext(source.cluster);
    const quiesced = await plugin.quiesce(planned(source), kept.context);
    expect(quiesced.warnings).toEqual([]);
    state = stateOf(planned(source), quiesced).state;
    target = await searchEngineServer(engine, { repository: join(source.folder, 'repo') });
  }, 180_000);

  afterAll(async () => {
    await source.remove();
    await target.remove();
  });

  function recover(server: SearchEngineServer, more: Partial<RecoverContext> = {}) {
    const task = planned(server);
    // Its folder has another name here; in a pod it has the same.
    const moved = JSON.parse(JSON.stringify(state).replaceAll(source.folder, server.folder)) as JsonObject;
    return plugin.recover!(task, moved, { ...recoverContext(server, kept), ...more });
  }

  it('has a snapshot of everything, with its counts', () => {
    expect(state).toMatchObject({ indices: 3, documents: DOCUMENTS + 10, exactlyCounted: 3, repository: { name: 'holdfast' } });
    expect(JSON.parse(kept.streams.get('indices.json')!.toString())).toEqual({
      indices: expect.arrayContaining([
        { name: 'orders', documents: DOCUMENTS, stream: '' },
        { name: '.secret-notes', documents: 10, stream: '' },
        { name: 'wants-replicas', documents: 0, stream: '' },
      ]),
    });
  });

  it('answers the same when it is asked again, and takes no second snapshot', async () => {
    const again = pluginContext(source.cluster);
    expect(await plugin.quiesce(planned(source), again.context)).toEqual({ state, warnings: [] });
    expect(again.streams.get('indices.json')).toEqual(kept.streams.get('indices.json'));
    expect(await snapshotsOf(source)).toHaveLength(1);
  });

  it('recovers into an empty cluster, with templates and aliases, and says which replicas have no node', async () => {
    const outcome = await recover(target);
    expect(outcome).toEqual({ warnings: [expect.objectContaining({ code: 'FewerReplicas' })] });
    expect(await contentOf(target, 'orders')).toEqual(await contentOf(source, 'orders'));
    expect(await target.ask('GET', '/notes/_count')).toMatchObject({ count: 10 });
    expect(await target.ask('GET', '/_index_template/shop')).toMatchObject({ index_templates: [{ name: 'shop' }] });
    expect(await target.ask('GET', '/_cluster/health?level=indices')).toMatchObject({ indices: { orders: { status: 'green' } } });
  }, 60_000);

  it('recovers again without touching what it has recovered', async () => {
    const before = await uuidOf(target, 'orders');
    expect((await recover(target)).left).toBeUndefined();
    expect(await uuidOf(target, 'orders')).toBe(before);
  }, 60_000);

  it('restores beside what is there under other names', async () => {
    await recover(target, { options: { rename: 'old-$1' } });
    expect(await contentOf(target, 'old-orders')).toEqual(await contentOf(source, 'orders'));
    await expect(recover(target, { options: { rename: 'one-name' } })).rejects.toThrow(/rename "one-name"/);
    await target.ask('DELETE', '/old-orders,old-wants-replicas,old-.secret-notes');
  }, 60_000);

  it('leaves what is there, restores over it in place, and says when documents are missing', async () => {
    await target.ask('DELETE', '/orders');
    await target.ask('PUT', '/orders', { settings: { 'index.number_of_shards': 2, 'index.number_of_replicas': 0 } });
    await fill(target, 'orders', 3);
    const outcome = await recover(target);
    expect(outcome.warnings).toContainEqual(expect.objectContaining({ code: 'IndicesLeft', message: expect.stringContaining('orders') }));
    expect(await target.ask('GET', '/orders/_count')).toMatchObject({ count: 3 });
    await recover(target, { inPlace: true });
    expect(await contentOf(target, 'orders')).toEqual(await contentOf(source, 'orders'));
    await target.ask('DELETE', '/orders/_doc/7?refresh=true');
    await expect(recover(target)).rejects.toThrow(`orders has ${DOCUMENTS - 1} documents, and had ${DOCUMENTS}`);
  }, 60_000);

  it('goes on with a restore that another attempt has begun', async () => {
    await target.ask('DELETE', '/orders,wants-replicas,.secret-notes');
    await target.ask('PUT', '/_snapshot/holdfast', {
      type: 'fs',
      settings: { location: join(target.folder, 'repo', 'holdfast'), max_restore_bytes_per_sec: '20kb' },
    });
    await target.ask('POST', `/_snapshot/holdfast/${String(state['snapshot'])}/_restore`, {
      indices: 'orders',
      include_global_state: false,
    });
    const before = await uuidOf(target, 'orders');
    expect(await target.ask('GET', '/_cat/shards/orders?h=state&format=json')).not.toEqual([{ state: 'STARTED' }, { state: 'STARTED' }]);
    await recover(target);
    expect(await uuidOf(target, 'orders')).toBe(before);
    expect(await contentOf(target, 'orders')).toEqual(await contentOf(source, 'orders'));
    expect(await target.ask('GET', '/notes/_count')).toMatchObject({ count: 10 });
  }, 120_000);

  it('does not compare what was written to while the snapshot was taken', async () => {
    const writing = pluginContext({ ...source.cluster, exec: writingOnce(source) }, 'run-writes');
    const outcome = await plugin.quiesce(planned(source), writing.context);
    expect(outcome.state).toMatchObject({ indices: 3, exactlyCounted: 2 });
    const list = JSON.parse(writing.streams.get('indices.json')!.toString()) as { indices: { name: string; documents?: number }[] };
    expect(list.indices.find(({ name }) => name === 'orders')).not.toHaveProperty('documents');
    await plugin.release(planned(source), stateOf(planned(source), outcome), writing.context);
  }, 60_000);

  it('keeps few snapshots of its own, drops that of a run that was cut off, and leaves those of others', async () => {
    for (const run of ['run-2', 'run-3', 'run-4', 'run-5']) {
      const { context } = pluginContext(source.cluster, run);
      const state = stateOf(planned(source), await plugin.quiesce(planned(source), context));
      expect(await plugin.release(planned(source), state, context)).toEqual({ state: state.state, warnings: [] });
    }
    expect(await snapshotsOf(source)).toHaveLength(3);
    const { context } = pluginContext(source.cluster, 'run-cut-off');
    await plugin.quiesce(planned(source), context);
    expect(await snapshotsOf(source)).toHaveLength(4);
    await plugin.release(planned(source), undefined, context);
    expect(await snapshotsOf(source)).toHaveLength(3);
    expect(await snapshotsOf(source, 'mine')).toEqual(['holdfast-of-somebody']);
  }, 60_000);

  it('uses a repository that is registered, and says when there is none of that name', async () => {
    const named = (name: string) => planned(source, { 'holdfast.dev/elasticsearch-repository': name });
    const { context } = pluginContext(source.cluster, 'run-named');
    await expect(plugin.quiesce(named('nobodys'), context)).rejects.toMatchObject({ type: 'BadInput' });
    const task = named('mine');
    const outcome = await plugin.quiesce(task, context);
    expect(outcome.state).toMatchObject({ repository: { name: 'mine', definition: { type: 'fs', settings: { location: 'mine' } } } });
    await plugin.release(task, stateOf(task, outcome), context);
    expect(await snapshotsOf(source, 'mine')).toHaveLength(2);
    await plugin.release(task, undefined, context);
    expect(await snapshotsOf(source, 'mine')).toEqual(['holdfast-of-somebody']);
  }, 60_000);

  it('refuses a plan that takes other claims for the data', async () => {
    const { context } = pluginContext(source.cluster, 'run-wrong');
    const wrong = planned(source, { 'holdfast.dev/elasticsearch-data-path': '/elsewhere' });
    await expect(plugin.quiesce(wrong, context)).rejects.toMatchObject({
      type: 'BadInput',
      advice: expect.stringContaining(join(source.folder, 'data')),
    });
  });

  it('calls a server that is not there unavailable', async () => {
    const task = planned({ ...source, url: 'http://127.0.0.1:1' });
    await expect(plugin.quiesce(task, pluginContext(source.cluster).context)).rejects.toMatchObject({ type: 'Unavailable' });
  });
});

describe('elasticsearch with security', () => {
  it('takes the password from the container, and puts it on no command line', async () => {
    const password = 'p"w\\d $HOME `x` %s';
    const server = await searchEngineServer('elasticsearch', { password });
    try {
      await server.ask('PUT', '/orders', { settings: { 'index.number_of_replicas': 0 } });
      const kept = pluginContext(server.cluster);
      const outcome = await plugin.quiesce(planned(server), kept.context);
      expect(outcome.state).toMatchObject({ indices: expect.any(Number) });
      expect(JSON.stringify([server.cluster.commands, outcome])).not.toContain('p"w');
      const other = planned(server, { 'holdfast.dev/elasticsearch-password-env': 'NOT_THERE' });
      await expect(plugin.quiesce(other, kept.context)).rejects.toThrow(/refused with 401/);
    } finally {
      await server.remove();
    }
  }, 120_000);
});

/** The pod that the server would be: its data and its repository in claims of their own. */
function planned(server: SearchEngineServer, annotations: Record<string, string> = {}): QuiesceTask {
  const paths = {
    'holdfast.dev/elasticsearch-data-path': join(server.folder, 'data'),
    'holdfast.dev/elasticsearch-repository-path': join(server.folder, 'repo'),
  };
  const base = pod('search-0', { annotations: { 'holdfast.dev/elasticsearch-url': server.url, ...paths, ...annotations } });
  const claims = ['data', 'repo'];
  const object: JsonObject = {
    ...base,
    spec: {
      containers: [
        { name: 'main', image: 'elasticsearch:8', volumeMounts: claims.map((name) => ({ name, mountPath: join(server.folder, name) })) },
      ],
      volumes: claims.map((name) => ({ name, persistentVolumeClaim: { claimName: `${name}-search-0` } })),
    },
  };
  const [task] = plugin.plan({ namespace: 'shop', pods: [object], workloads: [], claims: [], methods: {} });
  return task!;
}

function recoverContext({ cluster }: SearchEngineServer, { context, streams }: KeptStreams): RecoverContext {
  const { run, signal, beat } = context;
  async function* read(name: string): AsyncGenerator<Buffer> {
    yield await Promise.resolve(streams.get(name)!);
  }
  return { cluster, run, signal, beat, read, inPlace: false, options: {} };
}

async function fill(server: SearchEngineServer, index: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += BULK) {
    const ids = Array.from({ length: Math.min(BULK, count - first) }, (_, n) => first + n);
    await server.bulk(
      ids.flatMap((id) => [{ index: { _index: index, _id: String(id) } }, { id, text: `order number ${id} ${'x'.repeat(id % 50)}` }]),
    );
  }
  await server.ask('POST', `/${index}/_refresh`);
}

async function contentOf(server: SearchEngineServer, index: string): Promise<unknown> {
  const answer = await server.ask('GET', `/${index}/_search?size=10000&sort=id`);
  return (answer as { hits: { hits: { _id: string; _source: unknown }[] } }).hits.hits.map(({ _id, _source }) => [_id, _source]);
}

async function uuidOf(server: SearchEngineServer, index: string): Promise<string> {
  const answer = await server.ask('GET', `/_cat/indices/${index}?h=uuid&format=json&expand_wildcards=all`);
  return (answer as { uuid: string }[])[0]!.uuid;
}

async function snapshotsOf(server: SearchEngineServer, repository = 'holdfast'): Promise<readonly string[]> {
  const answer = await server.ask('GET', `/_snapshot/${repository}/_all`);
  return (answer as { snapshots: { snapshot: string }[] }).snapshots.map(({ snapshot }) => snapshot);
}

/** Writes a document right after the snapshot was asked for. */
function writingOnce(server: SearchEngineServer): SearchEngineServer['cluster']['exec'] {
  return async (request, options) => {
    const result = await server.cluster.exec(request, options);
    const [, , , , method, path = ''] = request.command;
    if (method === 'PUT' && /\/_snapshot\/holdfast\/holdfast-/.test(path))
      await server.ask('POST', '/orders/_doc/7?refresh=true', { id: 7, text: 'changed' });
    return result;
  };
}
