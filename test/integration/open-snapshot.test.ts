import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { upSandbox } from '../../sandbox/control-plane.ts';
import { openSnapshot } from '../../sandbox/open-snapshot.ts';
import { readOpenedStore } from '../../sandbox/opened-place.ts';
import { downSandbox, leaveSnapshot, listSandboxes, sandboxStatus } from '../../sandbox/sandbox-status.ts';
import { definition } from '../support/definitions.ts';
import { configMap, namespace } from '../support/objects.ts';
import { RawApi, until, type PlainObject } from '../support/raw-api.ts';
import { startTestCluster, type Stoppable } from '../support/sandbox-env.ts';
import { etcdctl, saveSnapshot, type SavedSnapshot } from '../support/sandbox-snapshot.ts';

const SECRET = 'plain-text-of-the-secret';
const KEY = randomBytes(32).toString('base64');
/** Secrets with one provider, Widgets with aesgcm. */
const configuration = (provider: string): string => {
  const encrypted = (resource: string, by: string, name: string) => ({
    resources: [resource],
    providers: [{ [by]: { keys: [{ name, secret: KEY }] } }, { identity: {} }],
  });
  const resources = [encrypted('secrets', provider, 'key1'), encrypted('widgets.example.com', 'aesgcm', 'key2')];
  return JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });
};
const secret = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'shop' },
  stringData: { word: SECRET },
});

let cluster: Sandbox & Stoppable;
let folder: string;
let state: string;
let snapshot: SavedSnapshot;
let before: readonly PlainObject[];

const READ = [
  '/api/v1/namespaces/shop/configmaps/plain',
  '/api/v1/namespaces/shop/secrets/early',
  '/apis/example.com/v1/namespaces/shop/widgets/one',
];

/** As an older Kubernetes has stored them, in versions that nobody serves any more, with the addresses of another service network than ours. */
const OLD: readonly (readonly [key: string, path: string, stored: PlainObject])[] = [
  [
    '/registry/ingress/shop/old',
    '/apis/networking.k8s.io/v1/namespaces/shop/ingresses/old',
    { apiVersion: 'networking.k8s.io/v1beta1', kind: 'Ingress', spec: { backend: { serviceName: 'web', servicePort: 80 } } },
  ],
  [
    '/registry/roles/shop/old',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/old',
    {
      apiVersion: 'rbac.authorization.k8s.io/v1beta1',
      kind: 'Role',
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    },
  ],
  [
    '/registry/services/specs/shop/old',
    '/api/v1/namespaces/shop/services/old',
    {
      apiVersion: 'v1',
      kind: 'Service',
      spec: { type: 'ClusterIP', clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ipFamilies: ['IPv4'], ports: [{ port: 80 }] },
    },
  ],
];
/** Its kind was removed with Kubernetes 1.25. */
const REMOVED = '/registry/podsecuritypolicy/restricted';
const putOld = async (folder: string): Promise<void> => {
  for (const [index, [key, , stored]] of OLD.entries()) {
    const metadata = {
      name: 'old',
      namespace: 'shop',
      uid: `00000000-0000-4000-8000-00000000000${index}`,
      creationTimestamp: '2021-01-01T00:00:00Z',
    };
    await etcdctl(folder, 'put', key, JSON.stringify({ ...stored, metadata }));
  }
  await etcdctl(
    folder,
    'put',
    REMOVED,
    JSON.stringify({ apiVersion: 'policy/v1beta1', kind: 'PodSecurityPolicy', metadata: { name: 'restricted' } }),
  );
};

const readAll = (api: RawApi): Promise<readonly PlainObject[]> => Promise.all(READ.map((path) => api.json('GET', path)));

const WIDGET = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one', namespace: 'shop' }, spec: { size: 3 } };
/** Written when there were keys. */
const LATE = ['/api/v1/namespaces/shop/secrets/late', '/apis/example.com/v1/namespaces/shop/widgets/late'];
const ENCRYPTED = [
  { resource: 'widgets.example.com', provider: 'aesgcm', key: 'key2' },
  { resource: 'secrets', provider: 'aescbc', key: 'key1' },
];

/** What in a real cluster would have to be asked before anything may be written, and is not there. */
const ABSENT_WEBHOOK = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: 'absent.example.com' },
  webhooks: [
    {
      name: 'absent.example.com',
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { service: { name: 'absent', namespace: 'shop' } },
      rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'], scope: '*' }],
    },
  ],
};
const ABSENT_API = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.absent.example.com' },
  spec: {
    group: 'absent.example.com',
    version: 'v1',
    groupPriorityMinimum: 10,
    versionPriority: 10,
    insecureSkipTLSVerify: true,
    service: { name: 'absent', namespace: 'shop' },
  },
};
/** Controllers would delete it: its owner has never been. */
const ORPHAN = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'orphan',
    namespace: 'shop',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gone', uid: '00000000-0000-4000-8000-000000000000' }],
  },
  spec: { containers: [{ name: 'main', image: 'example.com/app:1' }] },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-open-'));
  state = join(folder, 'state');
  cluster = await startTestCluster();
  const api = await RawApi.open(cluster.kubeconfigPath);
  await api.create(namespace('shop'));
  await api.create(configMap('shop', 'plain', { text: 'as it was' }));
  await api.create(secret('early'));
  await api.create(definition({ group: 'example.com', kind: 'Widget', plural: 'widgets' }));
  await api.create(WIDGET);
  await api.create(ABSENT_API);
  await putOld(cluster.folder);
  before = await readAll(api);
  await api.create(ABSENT_WEBHOOK);
  snapshot = await saveSnapshot(cluster.folder, join(folder, 'first.db'));
  api.close();
}, 240_000);

afterAll(async () => {
  for (const { name } of await listSandboxes(state)) await downSandbox({ name, state, purge: true });
  await cluster.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}, 60_000);

const open = (name: string, of: SavedSnapshot, more: { readonly encryption?: string; readonly lifetime?: 'process' } = {}) =>
  openSnapshot({ name, state, opened: { backup: 'nightly', snapshot: of.sha256 }, content: of.content, ...more });

describe('an opened snapshot', () => {
  let sandbox: Sandbox;
  let api: RawApi;

  beforeAll(async () => {
    sandbox = await open('nightly', snapshot);
    api = await RawApi.open(sandbox.kubeconfigPath);
  }, 180_000);
  afterAll(() => {
    api.close();
  });

  it('shows every object as it was, at revisions that go on from the snapshot', async () => {
    expect(await readAll(api)).toEqual(before);
    const { header } = JSON.parse(await etcdctl(sandbox.folder, 'get', '/registry/none', '-w', 'json')) as {
      header: { revision: number };
    };
    const newest = Math.max(...before.map(({ metadata }) => Number((metadata as PlainObject)['resourceVersion'])));
    expect(header.revision).toBeGreaterThan(newest);
    expect(header.revision).toBeLessThan(newest + 500);
  });

  it('shows what an older Kubernetes has stored in versions that are no longer served', async () => {
    for (const [key, path, stored] of OLD) {
      expect(JSON.parse(await etcdctl(sandbox.folder, 'get', key, '--print-value-only'))).toMatchObject(stored);
      const shown = await api.json('GET', path);
      expect(shown).toMatchObject({ kind: stored['kind'], metadata: { name: 'old' } });
      expect(shown['apiVersion']).not.toMatch(/beta/);
    }
    const [ingress, , service] = await Promise.all(OLD.map(([, path]) => api.json('GET', path)));
    expect(ingress!['spec']).toEqual({ defaultBackend: { service: { name: 'web', port: { number: 80 } } } });
    expect(service!['spec']).toMatchObject({ clusterIP: '10.96.0.10' });
    expect((await readOpenedStore(sandbox))?.kinds).toContain('podsecuritypolicy');
  });

  it('has no controllers, and calls nothing that the snapshot names', async () => {
    const { servers, opened, state: how } = await sandboxStatus({ name: 'nightly', state });
    expect(servers.map(({ name }) => name)).toEqual(['etcd', 'kube-apiserver']);
    expect({ how, opened }).toEqual({ how: 'running', opened: { backup: 'nightly', unreadable: [] } });
    // With webhooks that nobody answers, the write would be refused.
    expect(await api.create(ORPHAN)).toMatchObject({ kind: 'Pod' });
    expect((await api.send('GET', '/apis/absent.example.com/v1')).status).toBe(503);
    const asked = '/apis/apiregistration.k8s.io/v1/apiservices/v1.absent.example.com';
    const conditions = async () => JSON.stringify((await api.json('GET', asked))['status']);
    await until('its service is looked for', async () => /"type":"Available"/.test(await conditions()));
  });

  it('is joined by whoever opens the same snapshot, and refuses another', async () => {
    const pid = async () => (await sandboxStatus({ name: 'nightly', state })).servers[1]?.pid;
    const running = await pid();
    expect((await open('nightly', snapshot)).apiServer).toBe(sandbox.apiServer);
    expect(await pid()).toBe(running);
    expect(await api.read(ORPHAN)).toMatchObject({ kind: 'Pod' });
    await expect(open('nightly', { ...snapshot, sha256: 'other' })).rejects.toMatchObject({
      type: 'AlreadyExists',
      message: 'sandbox nightly shows the snapshot of backup nightly',
    });
    await expect(upSandbox({ name: 'nightly', state, withNode: true })).rejects.toMatchObject({ type: 'BadInput' });
  }, 60_000);

  it('leaves nothing when it goes down: it is plain text', async () => {
    // One that uses it for a while does not end it for others.
    await leaveSnapshot({ name: 'nightly', state });
    expect((await sandboxStatus({ name: 'nightly', state })).state).toBe('running');
    expect(await downSandbox({ name: 'nightly', state, purge: false })).toBe(true);
    expect(await readdir(join(state, 'sandboxes'))).toEqual([]);
  }, 60_000);

  it('refuses a snapshot that is cut short, and the name is free for the next try', async () => {
    const cut = await saveSnapshot(cluster.folder, join(folder, 'cut.db'));
    await truncate(cut.file, (await stat(cut.file)).size - 100_000);
    await expect(open('cut', cut)).rejects.toMatchObject({ type: 'BadInput', message: expect.stringMatching(/etcdutl does not take/) });
    expect(await readdir(join(state, 'sandboxes', 'cut'))).toEqual(['opened.json']);
    await expect(upSandbox({ name: 'cut', state })).rejects.toMatchObject({ type: 'NotFound' });
    await downSandbox({ name: 'cut', state, purge: false });
  }, 60_000);
});

describe('a snapshot whose Secrets are encrypted at rest', () => {
  let encrypted: SavedSnapshot;

  beforeAll(async () => {
    // An API server with the configuration encrypts what it writes.
    const writer = await open('writer', snapshot, { encryption: configuration('aescbc'), lifetime: 'process' });
    const api = await RawApi.open(writer.kubeconfigPath);
    await api.create(secret('late'));
    await api.create({ ...WIDGET, metadata: { name: 'late', namespace: 'shop' } });
    api.close();
    encrypted = await saveSnapshot(writer.folder, join(folder, 'encrypted.db'));
    const file = await readFile(encrypted.file);
    for (const begin of ['k8s:enc:aescbc:v1:key1:', 'k8s:enc:aesgcm:v1:key2:']) expect(file.includes(begin)).toBe(true);
    await leaveSnapshot({ name: 'writer', state });
    expect(await readdir(join(state, 'sandboxes'))).toEqual([]);
  }, 180_000);

  it('is opened without the configuration, too, and says what cannot be read', async () => {
    const sandbox = await open('locked', encrypted);
    expect(sandbox.opened).toEqual({
      backup: 'nightly',
      unreadable: ENCRYPTED,
    });
    const api = await RawApi.open(sandbox.kubeconfigPath);
    for (const path of LATE) expect((await api.send('GET', path)).status).toBe(500);
    expect(await api.json('GET', READ[0]!)).toEqual(before[0]);
    api.close();
    await expect(open('locked', encrypted, { encryption: configuration('aescbc') })).rejects.toMatchObject({
      type: 'AlreadyExists',
      message: 'sandbox locked shows the snapshot with other keys, or without any',
    });
    await downSandbox({ name: 'locked', state, purge: false });
  }, 120_000);

  it('is read with it, and the copy of the keys is for its owner only and goes with it', async () => {
    const sandbox = await open('keys', encrypted, { encryption: configuration('aescbc') });
    expect(sandbox.opened?.unreadable).toEqual([]);
    const api = await RawApi.open(sandbox.kubeconfigPath);
    const [late, widget] = await Promise.all(LATE.map((path) => api.json('GET', path)));
    expect(late!['data']).toEqual({ word: Buffer.from(SECRET).toString('base64') });
    expect(widget!['spec']).toEqual(WIDGET.spec);
    api.close();
    const withKeys = (await readdir(sandbox.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { parentPath, name } of withKeys) {
      const file = join(parentPath, name);
      if (!(await readFile(file, 'latin1')).includes(KEY)) continue;
      expect({ name, mode: (await stat(file)).mode & 0o777 }).toEqual({ name: 'encryption.yaml', mode: 0o600 });
    }
    await downSandbox({ name: 'keys', state, purge: false });
    expect(await readdir(join(state, 'sandboxes'))).toEqual([]);
  }, 120_000);

  it('refuses keys that do not fit, before an API server starts', async () => {
    await expect(open('wrong', encrypted, { encryption: configuration('secretbox') })).rejects.toMatchObject({
      type: 'BadInput',
      message: 'the encryption configuration has no key for secrets (aescbc, key "key1")',
    });
    await downSandbox({ name: 'wrong', state, purge: false });
  }, 120_000);
});
