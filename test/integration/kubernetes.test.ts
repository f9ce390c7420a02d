import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'undici';
import { parse, stringify } from 'yaml';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { parseLossless, stringifyLossless } from '../../domain/json/lossless.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import { HttpClient } from '../../kubernetes/http-client.ts';
import { loadClusterAccess } from '../../kubernetes/kube-config.ts';
import { RevisionGone, type Cluster, type ListPage, type ListRequest, type WatchEvent } from '../../kubernetes/port.ts';
import { awaitCrdsEstablished, awaitNamespacesActive, awaitWebhookBackends } from '../../kubernetes/readiness.ts';
import { startTestCluster } from '../support/sandbox-env.ts';

type TestCluster = Awaited<ReturnType<typeof startTestCluster>>;

const WRITE = { fieldManager: 'holdfast' };
const core = (kind: string, resource: string, namespaced = true): ResourceType => ({
  group: '',
  version: 'v1',
  kind,
  resource,
  namespaced,
});
const CONFIGMAPS = core('ConfigMap', 'configmaps');
const NAMESPACES = core('Namespace', 'namespaces', false);
const SECRETS = core('Secret', 'secrets');
/** The API server keeps no history of events itself: their old revisions are where etcd has them, or nowhere. */
const EVENTS = core('Event', 'events');
const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  namespaced: false,
};
const WIDGETS: ResourceType = { group: 'example.com', version: 'v1', kind: 'Widget', resource: 'widgets', namespaced: true };

let server: TestCluster;
let cluster: Cluster;

beforeAll(async () => {
  server = await startTestCluster();
  cluster = await connectCluster({ name: 'test', kubeconfig: server.kubeconfigPath, context: server.context });
}, 150_000);

afterAll(async () => {
  await Promise.all([cluster.close(), server.stop()]);
}, 60_000);

const configMap = (name: string, namespace: string, data: JsonObject = { key: 'value' }): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { made: 'here' } },
  data,
});
const event = (name: string, namespace = 'compact'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace },
  involvedObject: { namespace, kind: 'Pod', name: 'none' },
});
const inNamespace = (namespace: string, name: string, type = CONFIGMAPS) => ({ type, namespace, name });

async function makeNamespace(name: string): Promise<void> {
  await cluster.create({ type: NAMESPACES, namespace: '', name }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, WRITE);
}

const listOf = (request: Partial<ListRequest>): ListRequest => ({
  type: CONFIGMAPS,
  namespace: '',
  labelSelector: 'made=here',
  limit: 500,
  exactRevision: '',
  continueToken: '',
  ...request,
});
const namesOf = (page: ListPage) => page.items.map((item) => textAt(item.object, 'metadata', 'name'));

describe('discovery', () => {
  it('knows every kind once, in its preferred version, with its verbs', async () => {
    const { types, unavailable } = await cluster.discover();
    expect(unavailable).toStrictEqual([]);
    expect(types.find(({ kind }) => kind === 'Deployment')).toMatchObject({
      group: 'apps',
      version: 'v1',
      resource: 'deployments',
      namespaced: true,
    });
    expect(types.find(({ kind }) => kind === 'HorizontalPodAutoscaler')?.version).toBe('v2');
    expect(types.find(({ kind }) => kind === 'Namespace')).toMatchObject({ namespaced: false, shortNames: ['ns'] });
    expect(types.find(({ kind }) => kind === 'Binding')?.verbs).toStrictEqual(['create']);
    expect(types.filter(({ resource }) => resource.includes('/'))).toStrictEqual([]);
    const keys = types.map(({ group, resource }) => `${group}/${resource}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect((await cluster.version()).gitVersion).toMatch(/^v1\.\d+/);
  });

  it('names the group whose server does not answer', async () => {
    const type: ResourceType = {
      group: 'apiregistration.k8s.io',
      version: 'v1',
      kind: 'APIService',
      resource: 'apiservices',
      namespaced: false,
    };
    const name = 'v1.nobody.example.com';
    await cluster.create(
      { type, namespace: '', name },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name },
        spec: {
          group: 'nobody.example.com',
          version: 'v1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          service: { namespace: 'default', name: 'nobody' },
          insecureSkipTLSVerify: true,
        },
      },
      WRITE,
    );
    const named = async () => (await cluster.discover()).unavailable.map(({ groupVersion }) => groupVersion);
    await eventually(async () => {
      expect(await named()).toStrictEqual(['nobody.example.com/v1']);
    });
    await cluster.delete({ type, namespace: '', name });
  }, 30_000);
});

describe('lists', () => {
  it('stay at their revision while objects come, change and go', async () => {
    await makeNamespace('exact');
    const names = Array.from({ length: 25 }, (_, index) => `cm-${String(index).padStart(2, '0')}`);
    await Promise.all(names.map((name) => cluster.create(inNamespace('exact', name), configMap(name, 'exact'), WRITE)));
    const { revision, serverTime } = await cluster.now();
    expect(Math.abs(Date.parse(serverTime) - Date.now())).toBeLessThan(5_000);
    await cluster.delete(inNamespace('exact', 'cm-03'));
    await cluster.patch(inNamespace('exact', 'cm-04'), { data: { key: 'changed' } }, WRITE);
    await cluster.create(inNamespace('exact', 'cm-99'), configMap('cm-99', 'exact'), WRITE);

    const seen: string[] = [];
    let page = await cluster.listPage(listOf({ namespace: 'exact', limit: 10, exactRevision: revision }));
    for (;;) {
      expect(page.revision).toBe(revision);
      seen.push(...namesOf(page));
      for (const item of page.items) expect(textAt(item.object, 'data', 'key')).toBe('value');
      if (page.continueToken === '') break;
      await cluster.delete(inNamespace('exact', 'cm-20'));
      page = await cluster.listPage(listOf({ namespace: 'exact', limit: 10, exactRevision: revision, continueToken: page.continueToken }));
    }
    expect(seen).toStrictEqual(names);
    const now = await cluster.listPage(listOf({ namespace: 'exact' }));
    expect(namesOf(now)).toContain('cm-99');
    expect(namesOf(now)).not.toContain('cm-03');
  });

  it('of a compacted revision are gone, and say where to go on', async () => {
    await makeNamespace('compact');
    const makeEvent = (name: string) => cluster.create(inNamespace('compact', name, EVENTS), event(name), WRITE);
    for (const name of ['a', 'b', 'c']) await makeEvent(name);
    const { revision } = await cluster.now();
    const exact = listOf({ type: EVENTS, namespace: 'compact', labelSelector: '', limit: 1, exactRevision: revision });
    const first = await cluster.listPage(exact);
    for (const name of ['d', 'e']) await makeEvent(name);
    await compact((await cluster.now()).revision);

    const goneFrom = (continueToken: string) =>
      cluster.listPage({ ...exact, continueToken }).catch((error: unknown) => error as RevisionGone);
    for (const gone of [await goneFrom(''), await goneFrom(first.continueToken)]) {
      expect(gone).toBeInstanceOf(RevisionGone);
      expect((gone as RevisionGone).message).toMatch(/too old|compacted/);
    }
    const { continueToken } = (await goneFrom(first.continueToken)) as RevisionGone;
    const later = await cluster.listPage({ ...exact, exactRevision: '', limit: 500, continueToken });
    expect(namesOf(later)).toStrictEqual(['b', 'c', 'd', 'e']);
  });

  it('refuse a malformed selector as bad input', async () => {
    await expect(cluster.listPage(listOf({ labelSelector: 'a in (' }))).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('custom resources with unknown fields', () => {
  const spec =
    '{"__proto__":{"polluted":true},"a\\n":1,"a\\"":3,"a\\\\":2,"big":9007199254740993,"empty":{},"max":9223372036854775807,"min":-9223372036854775808,"null":null,"tiny":1e-320,"text":"\\u2028 < & > 😀"}';

  beforeAll(async () => {
    const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    };
    await cluster.create({ type: CRDS, namespace: '', name: 'widgets.example.com' }, crd, WRITE);
    const wait = { timeoutMs: 20_000 };
    expect(await awaitCrdsEstablished(cluster, ['widgets.example.com', 'gadgets.example.com'], wait)).toStrictEqual([
      { name: 'gadgets.example.com', reason: 'it does not exist' },
    ]);
    await makeNamespace('widgets');
  }, 30_000);

  it.each(['create', 'apply'] as const)('keep every value through %s, list and get', async (how) => {
    const widget = parseLossless(
      `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"${how}","namespace":"widgets"},"spec":${spec}}`,
    );
    await cluster[how](inNamespace('widgets', how, WIDGETS), widget as JsonObject, WRITE);
    // The server sorts keys and writes its own escapes; read and written by us, both must be the same text.
    const expected = stringifyLossless(parseLossless(spec));
    const page = await cluster.listPage(listOf({ type: WIDGETS, namespace: 'widgets', labelSelector: '' }));
    const listed = page.items.find((item) => textAt(item.object, 'metadata', 'name') === how);
    expect(listed?.bytes.toString()).toContain('"big":9007199254740993');
    expect(listed?.bytes.toString()).toContain('"max":9223372036854775807');
    expect(sortedText(field(listed?.object, 'spec') as JsonObject)).toBe(sortedText(parseLossless(expected) as JsonObject));
    const got = await cluster.get(inNamespace('widgets', how, WIDGETS));
    expect(field(got?.object, 'spec')).toStrictEqual(field(listed?.object, 'spec'));
  });

  it('come in lists byte for byte as the server sends them', async () => {
    const access = await loadClusterAccess({ kubeconfig: server.kubeconfigPath, context: '' });
    const { tls, headers } = await access.credentials();
    const pool = new Pool(access.server, { connect: tls, allowH2: false });
    const response = await pool.request({ method: 'GET', path: '/apis/example.com/v1/namespaces/widgets/widgets', headers });
    const body = await response.body.text();
    await pool.close();
    const page = await cluster.listPage(listOf({ type: WIDGETS, namespace: 'widgets', labelSelector: '' }));
    expect(page.items).toHaveLength(2);
    const texts = page.items.map((item) => item.bytes.toString());
    expect(body).toContain(`"items":[${texts.join(',')}]`);
  });
});

describe('writing', () => {
  beforeAll(() => makeNamespace('writing'));
  const ref = inNamespace('writing', 'settings');

  it('creates once, and dry runs create nothing', async () => {
    await cluster.create(ref, configMap('settings', 'writing'), { ...WRITE, dryRun: true });
    expect(await cluster.get(ref)).toBeUndefined();
    await cluster.create(ref, configMap('settings', 'writing'), WRITE);
    await expect(cluster.create(ref, configMap('settings', 'writing'), WRITE)).rejects.toMatchObject({
      type: 'AlreadyExists',
      message: expect.stringContaining('cannot create configmaps writing/settings'),
    });
  });

  it('applies over the fields of others, and takes its own away again', async () => {
    await cluster.patch(ref, { data: { key: 'theirs', other: 'stays' } }, { fieldManager: 'somebody' });
    const applied = await cluster.apply(ref, configMap('settings', 'writing', { key: 'ours', extra: '\u0085\u2028\u007f' }), WRITE);
    expect(field(applied, 'data')).toStrictEqual({ key: 'ours', extra: '\u0085\u2028\u007f', other: 'stays' });
    const again = await cluster.apply(ref, configMap('settings', 'writing', { key: 'ours' }), WRITE);
    expect(field(again, 'data')).toStrictEqual({ key: 'ours', other: 'stays' });
    const managers = JSON.stringify(field(again, 'metadata', 'managedFields'));
    expect(managers).toContain('"manager":"holdfast","operation":"Apply"');
  });

  it('patches subresources', async () => {
    const node: ResourceType = core('Node', 'nodes', false);
    await cluster.create({ type: node, namespace: '', name: 'n1' }, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }, WRITE);
    const patched = await cluster.patch(
      { type: node, namespace: '', name: 'n1' },
      { status: { capacity: { cpu: '3' } } },
      { ...WRITE, subresource: 'status' },
    );
    expect(textAt(patched, 'status', 'capacity', 'cpu')).toBe('3');
  });

  it('says what the server does not accept', async () => {
    await expect(cluster.create(inNamespace('writing', 'Bad_Name'), configMap('Bad_Name', 'writing'), WRITE)).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('Bad_Name'),
    });
    await expect(cluster.create(inNamespace('nowhere', 'x'), configMap('x', 'nowhere'), WRITE)).rejects.toMatchObject({ type: 'NotFound' });
  });

  it('deletes one incarnation only, if asked', async () => {
    const uid = textAt((await cluster.get(ref))?.object, 'metadata', 'uid');
    await expect(cluster.delete(ref, { uid: '00000000-0000-0000-0000-000000000000' })).rejects.toMatchObject({ type: 'Conflict' });
    await cluster.delete(ref, { uid });
    await cluster.delete(ref);
    expect(await cluster.get(ref)).toBeUndefined();
  });

  it('ends at once with the signal', async () => {
    const signal = AbortSignal.abort(new Error('cancelled'));
    await expect(cluster.get(ref, { signal })).rejects.toThrow('cancelled');
  });
});

describe('watch', () => {
  it('tells every event from a revision on', async () => {
    await makeNamespace('watching');
    const { revision } = await cluster.now();
    const events: WatchEvent[] = [];
    const controller = new AbortController();
    const request = { type: CONFIGMAPS, namespace: 'watching', labelSelector: 'made=here', fromRevision: revision };
    await cluster.create(inNamespace('watching', 'early'), configMap('early', 'watching'), WRITE);
    const watching = (async () => {
      for await (const event of cluster.watch(request, { signal: controller.signal })) events.push(event);
    })();
    await cluster.patch(inNamespace('watching', 'early'), { data: { key: 'x' } }, WRITE);
    await cluster.delete(inNamespace('watching', 'early'));
    await eventually(() => {
      expect(events.map(({ type, object }) => `${type} ${textAt(object, 'metadata', 'name')}`)).toStrictEqual([
        'ADDED early',
        'MODIFIED early',
        'DELETED early',
      ]);
      return Promise.resolve();
    });
    controller.abort();
    await watching;
  });

  it('ends with Conflict when its revision is compacted', async () => {
    const { revision } = await cluster.now();
    for (const name of ['one', 'two']) await cluster.create(inNamespace('watching', name, EVENTS), event(name, 'watching'), WRITE);
    await compact((await cluster.now()).revision);
    const request = { type: EVENTS, namespace: 'watching', labelSelector: '', fromRevision: revision };
    const first = async () => {
      for await (const one of cluster.watch(request)) return one;
      return undefined;
    };
    await expect(first()).rejects.toMatchObject({ type: 'Conflict', message: expect.stringContaining('cannot watch events watching/*') });
  });
});

describe('readiness', () => {
  it('waits for a namespace that is being deleted to go', async () => {
    await makeNamespace('leaving');
    await cluster.create(
      inNamespace('leaving', 'held'),
      { ...configMap('held', 'leaving'), metadata: { name: 'held', finalizers: ['example.com/hold'] } },
      WRITE,
    );
    await cluster.delete({ type: NAMESPACES, namespace: '', name: 'leaving' });
    await expect(cluster.create(inNamespace('leaving', 'x'), configMap('x', 'leaving'), WRITE)).rejects.toMatchObject({
      type: 'Conflict',
      advice: expect.stringContaining('namespace is gone'),
    });
    expect(await awaitNamespacesActive(cluster, ['default', 'leaving'], { timeoutMs: 500 })).toStrictEqual([
      { name: 'leaving', reason: 'it is being deleted' },
    ]);
    const going = awaitNamespacesActive(cluster, ['leaving'], { timeoutMs: 40_000 });
    await cluster.patch(inNamespace('leaving', 'held'), { metadata: { finalizers: null } }, WRITE);
    expect(await going).toStrictEqual([{ name: 'leaving', reason: 'it was being deleted and is gone now' }]);
  }, 60_000);

  it('sees whether a service has a backend', async () => {
    // Endpoints of the API server itself are written by nobody here.
    expect(await awaitWebhookBackends(cluster, ['default/kubernetes'], { timeoutMs: 0 })).toStrictEqual([
      { name: 'default/kubernetes', reason: 'it has no endpoints' },
    ]);
    const type: ResourceType = {
      group: 'discovery.k8s.io',
      version: 'v1',
      kind: 'EndpointSlice',
      resource: 'endpointslices',
      namespaced: true,
    };
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'hook', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
      ports: [],
    };
    await cluster.create(inNamespace('default', 'hook', type), slice, WRITE);
    expect(await awaitWebhookBackends(cluster, ['default/hook'], { timeoutMs: 5_000 })).toStrictEqual([]);
  });
});

describe('credentials', () => {
  let token: string;

  beforeAll(async () => {
    const access = await loadClusterAccess({ kubeconfig: server.kubeconfigPath, context: '' });
    const client = new HttpClient(access);
    const operation = { verb: 'create', subject: 'token', cluster: 'test' };
    const send = (path: string, body: object) => client.send({ method: 'POST', path, body: JSON.stringify(body), operation });
    await send('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'test-view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'default' }],
    });
    const answer = await send('/api/v1/namespaces/default/serviceaccounts/default/token', { spec: { expirationSeconds: 3_600 } });
    token = textAt(parseLossless(answer.body.toString()), 'status', 'token');
    await client.close();
  });

  async function connectAs(user: object): Promise<Cluster> {
    const admin = parse(await readFile(server.kubeconfigPath, 'utf8')) as { clusters: object[]; contexts: { context: { user: string } }[] };
    const name = admin.contexts[0]?.context.user;
    const kubeconfig = join(server.folder, 'other.kubeconfig');
    await writeFile(kubeconfig, stringify({ ...admin, users: [{ name, user }] }), { mode: 0o600 });
    return connectCluster({ name: 'test', kubeconfig, context: '' });
  }

  async function expectViewer(viewer: Cluster): Promise<void> {
    try {
      await expect(viewer.listPage(listOf({ namespace: 'exact' }))).resolves.toMatchObject({ continueToken: '' });
      await expect(viewer.listPage(listOf({ type: SECRETS, namespace: 'exact' }))).rejects.toMatchObject({
        type: 'Forbidden',
        message: expect.stringContaining('system:serviceaccount:default:default'),
      });
    } finally {
      await viewer.close();
    }
  }

  it('may be a bearer token', async () => {
    await expectViewer(await connectAs({ token }));
  });

  it('may be a token file that is written anew', async () => {
    const file = join(server.folder, 'token');
    await writeFile(file, 'stale');
    const viewer = await connectAs({ tokenFile: file });
    await expect(viewer.now()).rejects.toMatchObject({ type: 'Forbidden', advice: expect.stringContaining('log in again') });
    await writeFile(file, `${token}\n`);
    await expectViewer(viewer);
  });

  it('may be what a plugin prints; a 401 makes it run again', async () => {
    const plugin = join(server.folder, 'plugin');
    const ran = join(server.folder, 'plugin-ran');
    const credential = (value: string) =>
      JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: value } });
    const script = `#!/bin/sh\nif [ -e ${ran} ]; then echo '${credential(token)}'; else touch ${ran}; echo '${credential('expired')}'; fi\n`;
    await writeFile(plugin, script, { mode: 0o700 });
    await expectViewer(
      await connectAs({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' } }),
    );
    await expect(readFile(ran)).resolves.toHaveLength(0);
  });

  it('are refused when there are none', async () => {
    const nobody = await connectAs({});
    await expect(nobody.now()).rejects.toMatchObject({ type: 'Forbidden' });
    await nobody.close();
  });

  it('are never sent to a server whose certificate is not trusted', async () => {
    const admin = parse(await readFile(server.kubeconfigPath, 'utf8')) as { clusters: { cluster: Record<string, unknown> }[] };
    delete admin.clusters[0]?.cluster['certificate-authority-data'];
    const kubeconfig = join(server.folder, 'untrusting.kubeconfig');
    await writeFile(kubeconfig, stringify(admin), { mode: 0o600 });
    const stranger = await connectCluster({ name: 'test', kubeconfig, context: '' });
    await expect(stranger.now()).rejects.toMatchObject({ type: 'BadInput', advice: expect.stringContaining('certificate-authority') });
    await stranger.close();
  });
});

/** Makes etcd forget everything before a revision. */
async function compact(revision: string): Promise<void> {
  const key = (name: string) => readFile(join(server.folder, 'keys', name));
  const [ca, cert, secret] = await Promise.all([key('etcd-ca.crt'), key('etcd-client.crt'), key('etcd-client.key')]);
  const ports = JSON.parse(await readFile(join(server.folder, 'ports.json'), 'utf8')) as { etcd: number };
  const etcd = new Pool(`https://127.0.0.1:${ports.etcd}`, { connect: { ca, cert, key: secret } });
  const answer = await etcd.request({ method: 'POST', path: '/v3/kv/compaction', body: JSON.stringify({ revision, physical: true }) });
  expect(answer.statusCode).toBe(200);
  await etcd.close();
}

async function eventually<T>(check: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** The text with the keys of the outermost object in order. */
function sortedText(object: JsonObject): string {
  return Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${stringifyLossless(value ?? null)}`)
    .sort()
    .join('\n');
}
