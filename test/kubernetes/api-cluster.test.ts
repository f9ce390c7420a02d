import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResourceType } from '../../contracts/resource.ts';
import { parseLossless, stringifyLossless } from '../../domain/json/lossless.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { ListRequest } from '../../kubernetes/port.ts';
import { json, refuse, startScriptedServer, type Answer } from './scripted-server.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function setUp(answer: Answer) {
  const server = await startScriptedServer(answer);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      'current-context': 'c',
      clusters: [{ name: 'k', cluster: { server: `${server.url}/prefix/` } }],
      users: [{ name: 'u', user: { token: 'secret-token' } }],
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    }),
  );
  const cluster = await connectCluster({ name: 'prod', kubeconfig, context: '', http: { patienceMs: 2_000 } });
  cleanups.push(
    () => cluster.close(),
    () => server.stop(),
    () => rm(folder, { recursive: true }),
  );
  return { cluster, server };
}

const CONFIGMAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
const ROLES: ResourceType = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  resource: 'clusterroles',
  namespaced: false,
};
const LIST: ListRequest = { type: CONFIGMAPS, namespace: 'a', labelSelector: '', limit: 2, exactRevision: '42', continueToken: '' };
const REF = { type: CONFIGMAPS, namespace: 'a', name: 'x' };
const page = (revision: string, token = '', items: unknown[] = [{ metadata: { name: 'x' } }]) => ({
  kind: 'ConfigMapList',
  metadata: { resourceVersion: revision, continue: token },
  items,
});

describe('listPage', () => {
  it('asks for the exact revision on the first page, and by the token alone after it', async () => {
    const { cluster, server } = await setUp((response, _request, index) => {
      json(response, 200, page('42', index === 0 ? 'next/+=' : ''));
    });
    const first = await cluster.listPage({ ...LIST, labelSelector: 'app in (a,b)' });
    expect(first).toMatchObject({ revision: '42', continueToken: 'next/+=' });
    expect(first.items.map((item) => item.bytes.toString())).toStrictEqual(['{"metadata":{"name":"x"}}']);
    await cluster.listPage({ ...LIST, continueToken: first.continueToken });
    const [one, two] = server.requests.map((request) => new URL(request.url, server.url));
    expect(one?.pathname).toBe('/prefix/api/v1/namespaces/a/configmaps');
    expect(Object.fromEntries(one?.searchParams ?? [])).toStrictEqual({
      limit: '2',
      labelSelector: 'app in (a,b)',
      resourceVersion: '42',
      resourceVersionMatch: 'Exact',
    });
    expect(Object.fromEntries(two?.searchParams ?? [])).toStrictEqual({ limit: '2', continue: 'next/+=' });
  });

  it('lists the whole cluster, and kinds of groups', async () => {
    const { cluster, server } = await setUp((response) => {
      json(response, 200, page('1'));
    });
    await cluster.listPage({ ...LIST, namespace: '', exactRevision: '' });
    await cluster.listPage({ ...LIST, type: ROLES, namespace: '', exactRevision: '' });
    expect(server.requests.map(({ url }) => url)).toStrictEqual([
      '/prefix/api/v1/configmaps?limit=2',
      '/prefix/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=2',
    ]);
  });

  it.each([
    ['410', 410, { reason: 'Expired', message: 'too old resource version', metadata: { continue: 'later' } }, 'later'],
    ['a refusal of exact lists', 400, { message: 'resourceVersionMatch is not supported' }, ''],
    ['a refusal as invalid', 422, { message: 'ListOptions is invalid: resourceVersionMatch: Forbidden: unknown' }, ''],
  ])('takes %s for a revision that is gone', async (_what, status, details, continueToken) => {
    const { cluster } = await setUp((response) => {
      refuse(response, status, details);
    });
    await expect(cluster.listPage(LIST)).rejects.toMatchObject({ name: 'RevisionGone', continueToken, message: details.message });
  });

  it('takes a list of another moment for a revision that is gone', async () => {
    const { cluster } = await setUp((response) => {
      json(response, 200, page('43'));
    });
    await expect(cluster.listPage(LIST)).rejects.toMatchObject({ name: 'RevisionGone' });
    await expect(cluster.listPage({ ...LIST, continueToken: 'x' })).rejects.toMatchObject({ name: 'RevisionGone' });
    await expect(cluster.listPage({ ...LIST, exactRevision: '' })).resolves.toMatchObject({ revision: '43' });
  });

  it('does not take a bad selector for a revision that is gone', async () => {
    const { cluster } = await setUp((response) => {
      refuse(response, 400, { message: 'unable to parse requirement' });
    });
    await expect(cluster.listPage(LIST)).rejects.toMatchObject({
      type: 'BadInput',
      message: 'cluster prod: cannot list configmaps a/*: unable to parse requirement',
    });
  });

  it('is Unavailable when an answer is cut short inside of a whole HTTP body', async () => {
    const { cluster } = await setUp((response) => response.end('{"metadata":{"resourceVersion":"42"},"items":[{"a":1'));
    await expect(cluster.listPage(LIST)).rejects.toMatchObject({ type: 'Unavailable' });
  });
});

describe('writing', () => {
  const body = parseLossless('{"metadata":{"name":"x"},"n":9007199254740993,"one":1.0,"__proto__":{"a":1},"s":"\u2028"}') as JsonObject;
  const echo: Answer = (response, request) => {
    response.writeHead(201, { 'content-type': 'application/json' }).end(request.body);
  };

  it('creates with the manager, ignoring unknown fields, and loses no number', async () => {
    const { cluster, server } = await setUp(echo);
    await cluster.create(REF, body, { fieldManager: 'holdfast', dryRun: true });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      url: '/prefix/api/v1/namespaces/a/configmaps?fieldManager=holdfast&fieldValidation=Ignore&dryRun=All',
      body: stringifyLossless(body),
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret-token' },
    });
  });

  it('applies with force, in JSON that is YAML too', async () => {
    const { cluster, server } = await setUp(echo);
    await cluster.apply({ type: ROLES, namespace: '', name: 'system:a/b' }, body, { fieldManager: 'me' });
    expect(server.requests[0]).toMatchObject({
      method: 'PATCH',
      url: '/prefix/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb?fieldManager=me&fieldValidation=Ignore&force=true',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: expect.stringContaining('"n":9007199254740993,"one":1.0,"__proto__":{"a":1},"s":"\\u2028"'),
    });
  });

  it('patches by merging, also a subresource', async () => {
    const { cluster, server } = await setUp(echo);
    await cluster.patch(REF, { status: { a: null } }, { fieldManager: 'me', subresource: 'status' });
    expect(server.requests[0]).toMatchObject({
      url: '/prefix/api/v1/namespaces/a/configmaps/x/status?fieldManager=me&fieldValidation=Ignore',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"status":{"a":null}}',
    });
  });

  it('deletes in the background, one incarnation if asked, and minds no absence', async () => {
    const { cluster, server } = await setUp((response, _request, index) => {
      refuse(response, [200, 404, 409][index] ?? 200, { reason: 'Conflict', message: 'the UID in the precondition does not match' });
    });
    await cluster.delete(REF);
    await cluster.delete(REF);
    await expect(cluster.delete(REF, { uid: 'u-1' })).rejects.toMatchObject({ type: 'Conflict' });
    expect(JSON.parse(server.requests[2]?.body ?? '')).toMatchObject({ propagationPolicy: 'Background', preconditions: { uid: 'u-1' } });
  });

  it('tells an object that exists from other conflicts, and never names the token', async () => {
    const { cluster } = await setUp((response) => {
      refuse(response, 409, { reason: 'AlreadyExists', message: 'configmaps "x" already exists' });
    });
    const failure = await cluster.create(REF, body, { fieldManager: 'me' }).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({
      type: 'AlreadyExists',
      message: 'cluster prod: cannot create configmaps a/x: configmaps "x" already exists',
    });
    expect(JSON.stringify(failure)).not.toContain('secret-token');
  });
});

describe('reading', () => {
  it('gets the exact bytes, or undefined', async () => {
    const text = '{ "metadata": {"name":"x"}, "n": 1.0 }\n';
    const { cluster } = await setUp((response, _request, index) => {
      if (index === 0) response.end(text);
      else refuse(response, 404, { reason: 'NotFound' });
    });
    const found = await cluster.get(REF);
    expect(found?.bytes.toString()).toBe(text);
    expect(await cluster.get(REF)).toBeUndefined();
  });

  it("tells the revision and the server's time", async () => {
    const { cluster } = await setUp((response) => {
      json(response, 200, page('77'), { date: 'Sun, 22 Nov 2026 18:30:42 GMT' });
    });
    expect(await cluster.now()).toStrictEqual({ revision: '77', serverTime: '2026-11-22T18:30:42.000Z' });
  });

  it('says when something else than an API server answers', async () => {
    const { cluster } = await setUp((response) => response.end('<html>welcome</html>'));
    await expect(cluster.version()).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringContaining('is not a JSON object'),
    });
  });
});
