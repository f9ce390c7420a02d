import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { definition } from '../support/definitions.ts';
import { TestPlace } from '../support/place.ts';
import type { PlainObject } from '../support/raw-api.ts';

const NS = 'policies';

const configMap = (name: string, data: Record<string, string>, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NS, ...more },
  data,
});

/** What a restore does with what is there already, with other namespaces, with parts, and with what is dangerous. */
describe('restore policies', () => {
  let place: TestPlace;
  let count = 0;
  const restoreName = () => `r${(count += 1)}`;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    const { api } = place;
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS, labels: { team: 'a' } } });
    await api.create(configMap('kept', { a: '1' }, { labels: { part: 'one' } }));
    await api.create(configMap('changed', { a: '1' }, { labels: { part: 'two' } }));
    await api.create(configMap('gone', { a: '1' }, { labels: { part: 'three' } }));
    await api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: NS } });
    const subject = { kind: 'ServiceAccount', name: 'robot', namespace: NS };
    const rbac = 'rbac.authorization.k8s.io';
    await api.create({
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name: 'reader', namespace: NS },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    });
    await api.create({
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'reads', namespace: NS },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'reader' },
      subjects: [subject],
    });
    await api.create({
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'robot-is-admin' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [subject],
    });
    const ports = [{ name: 'http', port: 80, nodePort: 30_123 }];
    await api.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'front', namespace: NS },
      spec: { type: 'NodePort', ports, selector: { app: 'x' } },
    });
    await api.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'headless', namespace: NS },
      spec: { clusterIP: 'None', ports: [{ port: 1 }] },
    });
    await api.create({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: { name: 'robot-token', namespace: NS, annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    });
    await place.startWorker();
    expect(await place.backup('b', { namespaces: [NS] })).toMatchObject({ result: { phase: 'Completed', errors: [] } });
  }, 300_000);

  afterAll(() => place.close(), 60_000);

  /** `kept` as captured, `changed` differs, `gone` is missing. */
  beforeEach(async () => {
    await place.api.mergePatch(configMap('changed', {}), { data: { a: '2', extra: 'x' } }).catch(() => undefined);
    await place.api.remove(configMap('gone', {}));
  });

  const dataOf = async (name: string): Promise<unknown> => (await place.api.read(configMap(name, {})))?.['data'];

  it('skip: creates what is missing and leaves what differs', async () => {
    const { result } = await place.restore(restoreName(), { backup: 'b', selection: { includedResources: ['configmaps'] } });
    expect(result).toMatchObject({ phase: 'Completed', counts: { create: 1, skip: 1 }, verification: { equal: true } });
    expect([await dataOf('changed'), await dataOf('gone')]).toEqual([{ a: '2', extra: 'x' }, { a: '1' }]);
  });

  it('update: applies the captured state over it', async () => {
    const { result } = await place.restore(restoreName(), {
      backup: 'b',
      conflictPolicy: 'update',
      selection: { includedResources: ['configmaps'] },
    });
    expect(result).toMatchObject({ counts: { create: 1, update: 1 } });
    expect(await dataOf('changed')).toMatchObject({ a: '1' });
  });

  it('replace: makes it anew, exactly as captured', async () => {
    const before = await place.api.read(configMap('changed', {}));
    const { result } = await place.restore(restoreName(), {
      backup: 'b',
      conflictPolicy: 'replace',
      selection: { includedResources: ['configmaps'] },
    });
    expect(result).toMatchObject({ phase: 'Completed', counts: { create: 1, replace: 1 }, verification: { equal: true } });
    const after = await place.api.read(configMap('changed', {}));
    expect(after?.['data']).toEqual({ a: '1' });
    expect((after?.['metadata'] as PlainObject)['uid']).not.toBe((before?.['metadata'] as PlainObject)['uid']);
  });

  it('fail: refuses before anything is written, and names what differs', async () => {
    const { failure } = await place.restore(restoreName(), { backup: 'b', conflictPolicy: 'fail' });
    expect(failure).toMatchObject({ type: 'Conflict' });
    expect(failure?.message).toContain(`ConfigMap ${NS}/changed`);
    expect(await dataOf('gone')).toBeUndefined();
  });

  it('the same restore twice: the second finds everything in place', async () => {
    const selection = { includedResources: ['configmaps', 'serviceaccounts'] };
    await place.restore(restoreName(), { backup: 'b', conflictPolicy: 'replace', selection });
    const { result } = await place.restore(restoreName(), { backup: 'b', conflictPolicy: 'replace', selection });
    expect(result).toMatchObject({
      phase: 'Completed',
      counts: { create: 0, replace: 0, update: 0, skip: 0 },
      verification: { equal: true },
    });
  });

  it('takes a part: one object, one kind, by label, by several labels', async () => {
    const actions = async (selection: object) => {
      const { result } = await place.restore(restoreName(), { backup: 'b', namespaceMapping: { [NS]: `part-${count}` }, selection });
      expect(result).toMatchObject({ phase: 'Completed', verification: { equal: true } });
      return result?.counts.create;
    };
    // Each also makes its namespace.
    expect(await actions({ objects: ['configmap/kept'] })).toBe(2);
    expect(await actions({ includedResources: ['cm'] })).toBe(4);
    expect(await actions({ labelSelector: 'part in (one,two)' })).toBe(3);
    expect(await actions({ orLabelSelectors: ['part=one', 'part=three'] })).toBe(3);
  });

  it('maps namespaces, and with them the subjects of bindings', async () => {
    const { result } = await place.restore(restoreName(), {
      backup: 'b',
      namespaceMapping: { [NS]: 'moved' },
      selection: { clusterResources: 'exclude' },
    });
    expect(result).toMatchObject({ phase: 'Completed', verification: { equal: true } });
    const binding = await place.api.get('/apis/rbac.authorization.k8s.io/v1/namespaces/moved/rolebindings/reads');
    expect(binding?.['subjects']).toEqual([{ kind: 'ServiceAccount', name: 'robot', namespace: 'moved' }]);
    const namespace = await place.api.get('/api/v1/namespaces/moved');
    expect((namespace?.['metadata'] as PlainObject)['labels']).toEqual({ team: 'a', 'kubernetes.io/metadata.name': 'moved' });
  });

  it('gives services new addresses and node ports, and keeps headless ones headless', async () => {
    const spec = async (name: string) =>
      (await place.api.get(`/api/v1/namespaces/moved/services/${name}`))?.['spec'] as Record<string, never>;
    expect(await spec('headless')).toMatchObject({ clusterIP: 'None' });
    const front = await spec('front');
    expect(front).toMatchObject({ type: 'NodePort' });
    expect(JSON.stringify(front)).not.toContain('30123');
  });

  it('restores no token of the old cluster', async () => {
    const secrets = (await place.api.json('GET', '/api/v1/namespaces/moved/secrets'))['items'] as unknown as PlainObject[];
    const old = await place.api.get(`/api/v1/namespaces/${NS}/secrets/robot-token`);
    const token = String((old?.['data'] as PlainObject | undefined)?.['token']);
    expect(token.length).toBeGreaterThan(20);
    expect(JSON.stringify(secrets)).not.toContain(token);
  });

  it('holds back cluster-admin unless it is allowed by name', async () => {
    const binding = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/robot-is-admin';
    await place.api.send('DELETE', binding);
    const held = await place.restore(restoreName(), { backup: 'b', selection: { includedResources: ['clusterrolebindings'] } });
    expect(held.result).toMatchObject({ counts: { refuse: 1, create: 0 } });
    expect(held.result?.warnings.map(({ message }) => message).join()).toContain('--allow cluster-admin');
    expect(await place.api.get(binding)).toBeUndefined();
    const allowed = await place.restore(restoreName(), {
      backup: 'b',
      allow: ['cluster-admin'],
      selection: { includedResources: ['clusterrolebindings'] },
    });
    expect(allowed.result).toMatchObject({ phase: 'Completed', counts: { create: 1 } });
    expect(await place.api.get(binding)).toBeDefined();
  });

  it('two restores at once into one namespace: every object once, both complete', async () => {
    await place.api.removeNamespaces(NS);
    const [a, b] = await Promise.all([place.restore(restoreName(), { backup: 'b' }), place.restore(restoreName(), { backup: 'b' })]);
    for (const { result } of [a, b]) expect(result).toMatchObject({ phase: 'Completed', failed: 0, verification: { equal: true } });
    const created = (a.result?.counts.create ?? 0) + (b.result?.counts.create ?? 0);
    const present = (a.result?.counts.create ?? 0) + (a.result?.counts.unchanged ?? 0) + (a.result?.counts.skip ?? 0);
    expect(created).toBeLessThanOrEqual(present);
  });

  it('waits for a namespace that terminates, then restores into a new one', async () => {
    const held = configMap('held', { a: '1' }, { finalizers: ['example.com/hold'] });
    await place.api.create(held);
    await place.api.send('DELETE', `/api/v1/namespaces/${NS}`);
    const run = await place.startRestore(restoreName(), { backup: 'b' });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await place.api.mergePatch(held, { metadata: { finalizers: null } });
    expect(await run.outcome()).toMatchObject({ result: { phase: 'Completed', failed: 0, verification: { equal: true } } });
  });

  it('backups at once: different names both commit, the same name runs once', async () => {
    const [one, two] = await Promise.all([
      place.backup('at-once-1', { namespaces: [NS] }),
      place.backup('at-once-2', { namespaces: [NS] }),
    ]);
    expect([one.result?.phase, two.result?.phase]).toEqual(['Completed', 'Completed']);
    expect(one.result?.sequence).not.toBe(two.result?.sequence);
    const first = await place.startBackup('same-name', { namespaces: [NS] });
    await expect(place.startBackup('same-name', { namespaces: [NS] })).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect((await first.outcome()).result?.phase).toBe('Completed');
  });

  it('a backup during a restore is a whole backup of one instant', async () => {
    await place.api.removeNamespaces(NS);
    const restore = await place.startRestore(restoreName(), { backup: 'b' });
    const backup = await place.backup('meanwhile', { namespaces: [NS] });
    await restore.outcome();
    // The namespace may not be there yet at that instant: then the backup says so.
    if (backup.failure) expect(backup.failure.type).toBe('NotFound');
    else expect(backup.result?.kinds.every(({ revision }) => revision === backup.result?.revision)).toBe(true);
  });

  it('custom resources wait for their definition', async () => {
    const group = 'policies.example.com';
    await place.api.create(definition({ group, kind: 'Gadget', plural: 'gadgets' }));
    const gadgets = Array.from({ length: 20 }, (_, index) => ({
      apiVersion: `${group}/v1`,
      kind: 'Gadget',
      metadata: { name: `g${index}`, namespace: NS },
      spec: { index },
    }));
    for (const gadget of gadgets) await place.api.create(gadget);
    expect(await place.backup('gadgets', { namespaces: [NS] })).toMatchObject({ result: { phase: 'Completed' } });
    await place.api.removeNamespaces(NS);
    await place.api.send('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.${group}`);
    place.api.forgetKinds();
    const { result } = await place.restore(restoreName(), { backup: 'gadgets' });
    expect(result).toMatchObject({ phase: 'Completed', failed: 0, verification: { equal: true } });
    expect((await place.api.json('GET', `/apis/${group}/v1/namespaces/${NS}/gadgets`))['items']).toHaveLength(20);
  });
});
