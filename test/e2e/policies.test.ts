import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { newCanary } from '../support/canaries.ts';
import { checkInvariants } from '../support/invariants.ts';
import { configMap, deployment, namespace, service } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { eachOf, until, type PlainObject } from '../support/raw-api.ts';

const NAMESPACE = 'pol';
const DEADLINE_MS = 120_000;
const RBAC = 'rbac.authorization.k8s.io';

describe('policies', () => {
  let place: TestPlace;
  let expected: Snapshot;
  const subject = { kind: 'ServiceAccount', name: 'robot', namespace: NAMESPACE };

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    const { api } = place;
    await api.create(namespace(NAMESPACE, { team: 'storage' }));
    const secret = newCanary('secret');
    place.canaries.push(secret);
    const token = { 'kubernetes.io/service-account.name': 'robot' };
    await api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: NAMESPACE } });
    const objects = [
      configMap(NAMESPACE, 'a', { text: 'as captured' }, { labels: { app: 'one', tier: 'x' } }),
      configMap(NAMESPACE, 'b', { text: 'as captured' }, { labels: { app: 'two' } }),
      configMap(NAMESPACE, 'c', { text: 'as captured' }, { labels: { app: 'three' } }),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'opaque', namespace: NAMESPACE, labels: { app: 'one' } },
        data: { password: Buffer.from(secret).toString('base64') },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/service-account-token',
        metadata: { name: 'by-hand', namespace: NAMESPACE, annotations: token },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/service-account-token',
        metadata: { name: 'robot-token-abc12', namespace: NAMESPACE, annotations: token },
      },
      service(NAMESPACE, 'ported', { type: 'NodePort', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, nodePort: 31_234 }] }),
      service(NAMESPACE, 'internal', { selector: { app: 'web' }, ports: [{ port: 80 }] }),
      deployment(NAMESPACE, 'web'),
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'Role',
        metadata: { name: 'reader', namespace: NAMESPACE },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      },
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'RoleBinding',
        metadata: { name: 'reader', namespace: NAMESPACE },
        roleRef: { apiGroup: RBAC, kind: 'Role', name: 'reader' },
        subjects: [subject],
      },
      binding('pol-admin', 'cluster-admin'),
      webhook('pol-hook'),
    ];
    await eachOf(objects, 4, (object) => api.create(object));
    await until('tokens are issued', async () => JSON.stringify(await api.read(secretRef(NAMESPACE, 'by-hand'))).includes('"token"'));
    await until('the deployment has pods', async () =>
      JSON.stringify(await api.read(deployment(NAMESPACE, 'web'))).includes('"updatedReplicas":1'),
    );
    await delay(1_000);
    expected = await takeSnapshot(api, [NAMESPACE]);
    await place.startWorker();
    const base = await place.backup('base', { namespaces: [NAMESPACE] });
    expect(base).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const everything = await place.backup('gated', {
      namespaces: [NAMESPACE],
      selection: {
        clusterResources: 'include',
        includedResources: ['validatingwebhookconfigurations', 'clusterrolebindings', 'configmaps'],
      },
    });
    expect(everything).toMatchObject({ result: { phase: 'Completed', errors: [] } });
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  function binding(name: string, role: string): object {
    return {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects: [subject],
    };
  }

  /** Of the project as it was captured, under another name. */
  async function copyOf(name: string): Promise<Snapshot> {
    return takeSnapshot(place.api, [name], { rename: { [name]: NAMESPACE } });
  }

  async function text(at: string, name: string): Promise<unknown> {
    return ((await place.api.read(configMap(at, name))) as { data?: { text?: string } } | undefined)?.data?.text;
  }

  describe('for objects that are there and differ', () => {
    const change = async () => {
      await place.api.mergePatch(configMap(NAMESPACE, 'a'), { data: { text: 'changed', extra: null } });
      await place.api.remove(configMap(NAMESPACE, 'b'));
    };
    const uid = async () => ((await place.api.read(configMap(NAMESPACE, 'a'))) as { metadata: { uid: string } }).metadata.uid;

    it('fail refuses the restore before anything is written', async () => {
      await change();
      const run = await place.restore('fails', { backup: 'base', conflictPolicy: 'fail' });
      expect(run.failure).toMatchObject({ type: 'Conflict', message: expect.stringContaining(`ConfigMap ${NAMESPACE}/a`) });
      expect([await text(NAMESPACE, 'a'), await text(NAMESPACE, 'b')]).toEqual(['changed', undefined]);
      expect(await checkInvariants({ place, location: 'main', runs: [run], deadlineMs: DEADLINE_MS })).toEqual([]);
    });

    it('skip leaves them, and brings what is missing', async () => {
      await change();
      const run = await place.restore('skips', { backup: 'base' });
      expect(run.result).toMatchObject({ phase: 'Completed', counts: { create: 1, skip: 1, update: 0, replace: 0 }, failed: 0 });
      expect([await text(NAMESPACE, 'a'), await text(NAMESPACE, 'b')]).toEqual(['changed', 'as captured']);
    });

    it('update brings the captured fields back into the same object', async () => {
      await change();
      const was = await uid();
      const run = await place.restore('updates', { backup: 'base', conflictPolicy: 'update' });
      expect(run.result).toMatchObject({ phase: 'Completed', counts: { create: 1, update: 1 }, verification: { equal: true } });
      expect(await uid()).toBe(was);
      expect(
        await checkInvariants({
          place,
          location: 'main',
          runs: [run],
          deadlineMs: DEADLINE_MS,
          live: [{ expected, namespaces: [NAMESPACE] }],
        }),
      ).toEqual([]);
    });

    it('replace makes the object anew, without what was added to it', async () => {
      await change();
      await place.api.mergePatch(configMap(NAMESPACE, 'a'), { data: { extra: 'added later' } });
      const was = await uid();
      const run = await place.restore('replaces', { backup: 'base', conflictPolicy: 'replace' });
      expect(run.result).toMatchObject({ phase: 'Completed', counts: { create: 1, replace: 1 }, verification: { equal: true } });
      expect(await uid()).not.toBe(was);
      expect(
        await checkInvariants({
          place,
          location: 'main',
          runs: [run],
          deadlineMs: DEADLINE_MS,
          live: [{ expected, namespaces: [NAMESPACE] }],
        }),
      ).toEqual([]);
    });
  });

  it('map a namespace, with the subjects of role bindings, new addresses, node ports and tokens', async () => {
    const run = await place.restore('mapped', { backup: 'base', namespaceMapping: { [NAMESPACE]: 'mapped' } });
    expect(run.result).toMatchObject({ failed: 0, verification: { equal: true } });
    const bound = (await place.api.get(`/apis/${RBAC}/v1/namespaces/mapped/rolebindings/reader`)) as { subjects: unknown } | undefined;
    expect(bound?.subjects).toEqual([{ ...subject, namespace: 'mapped' }]);
    const addressOf = async (at: string, name: string) =>
      ((await place.api.read(service(at, name, {}))) as { spec: { clusterIP: string; ports: { nodePort: number }[] } }).spec;
    const [old, copy] = [await addressOf(NAMESPACE, 'ported'), await addressOf('mapped', 'ported')];
    expect(copy.clusterIP).not.toBe(old.clusterIP);
    expect(copy.ports[0]?.nodePort).not.toBe(31_234);
    const tokenOf = async (at: string, name: string) =>
      ((await place.api.read(secretRef(at, name))) as { data?: { token?: string } } | undefined)?.data?.token;
    await until('the token of the copy is issued', async () => (await tokenOf('mapped', 'by-hand')) !== undefined);
    expect(await tokenOf('mapped', 'by-hand')).not.toBe(await tokenOf(NAMESPACE, 'by-hand'));
    expect(await place.api.read(secretRef('mapped', 'robot-token-abc12'))).toBeUndefined();
    const without = new Map([...expected].filter(([key]) => key !== `Secret ${NAMESPACE}/robot-token-abc12`));
    const live = [{ expected: without, namespaces: ['mapped'], options: { rename: { mapped: NAMESPACE } } }];
    expect(await checkInvariants({ place, location: 'main', runs: [run], deadlineMs: DEADLINE_MS, live })).toEqual([]);
  });

  it('keep node ports when asked to', async () => {
    await place.api.remove(service(NAMESPACE, 'ported', {}));
    const run = await place.restore('ports', { backup: 'base', preserveNodePorts: true, selection: { includedResources: ['services'] } });
    expect(run.result).toMatchObject({ phase: 'Completed', counts: { create: 1 }, failed: 0 });
    expect(await place.api.read(service(NAMESPACE, 'ported', {}))).toMatchObject({ spec: { ports: [{ nodePort: 31_234 }] } });
  });

  describe('select a part', () => {
    const parts: readonly (readonly [string, string, Parameters<TestPlace['restore']>[1]['selection'] & object, readonly string[]])[] = [
      ['one object', 'one', { objects: ['configmap/b'] }, ['ConfigMap pol/b']],
      ['one object of one namespace', 'named', { objects: [`${NAMESPACE}/Secret/opaque`] }, ['Secret pol/opaque']],
      [
        'a kind',
        'kind',
        { includedResources: ['cm'], clusterResources: 'exclude' },
        ['ConfigMap pol/a', 'ConfigMap pol/b', 'ConfigMap pol/c'],
      ],
      ['a label', 'label', { labelSelector: 'app=one', clusterResources: 'exclude' }, ['ConfigMap pol/a', 'Secret pol/opaque']],
      [
        'any of two labels',
        'either',
        { orLabelSelectors: ['app=two', 'tier in (x,y)'], clusterResources: 'exclude' },
        ['ConfigMap pol/a', 'ConfigMap pol/b'],
      ],
    ];

    it.each(parts)('%s', async (_what, name, selection, keys) => {
      const at = `part-${name}`;
      const run = await place.restore(at, { backup: 'base', namespaceMapping: { [NAMESPACE]: at }, selection });
      expect(run.result).toMatchObject({ phase: 'Completed', failed: 0, verification: { equal: true } });
      expect([...(await copyOf(at)).keys()].filter((key) => !key.startsWith('Namespace ')).sort()).toEqual(keys);
    });
  });

  it('hold back webhooks and cluster-admin unless they are asked for', async () => {
    const gated = [binding('pol-admin', 'cluster-admin'), webhook('pol-hook')];
    for (const object of gated) await place.api.remove(object);
    const held = await place.restore('held', { backup: 'gated', selection: { clusterResources: 'include' } });
    expect(held.result).toMatchObject({ failed: 0, counts: { refuse: 2 } });
    expect(held.result?.warnings.map(({ object }) => object?.name).sort()).toEqual(['pol-admin', 'pol-hook']);
    for (const object of gated) expect(await place.api.read(object)).toBeUndefined();

    const allowed = await place.restore('allowed', {
      backup: 'gated',
      selection: { clusterResources: 'include' },
      allow: ['webhooks', 'cluster-admin'],
      readinessTimeoutMs: 2_000,
    });
    expect(allowed.result).toMatchObject({ phase: 'Completed', failed: 0, counts: { refuse: 0, create: 2 } });
    for (const object of gated) expect(await place.api.read(object)).toBeDefined();
    for (const object of gated) await place.api.remove(object);
    expect(await checkInvariants({ place, location: 'main', runs: [held, allowed], deadlineMs: DEADLINE_MS })).toEqual([]);
  });

  describe('at the same time', () => {
    it('the same restore twice: refused while it runs, and nothing to do after it', async () => {
      const request = { backup: 'base', namespaceMapping: { [NAMESPACE]: 'twice' } };
      const first = await place.startRestore('twice', request);
      await expect(place.startRestore('twice', request)).rejects.toMatchObject({ type: 'AlreadyExists' });
      const done = await first.outcome();
      expect(done.result).toMatchObject({ failed: 0, verification: { equal: true } });
      const before = await copyOf('twice');
      // The server's clock counts whole seconds: what a restore of this name made in the same second counts as the new one's own work.
      await delay(1_100);
      const again = await place.restore('twice', request);
      expect(again.result).toMatchObject({
        phase: 'Completed',
        failed: 0,
        counts: { create: 0, update: 0, replace: 0, skip: 0 },
        verification: { equal: true },
      });
      expect(await copyOf('twice')).toEqual(before);
      expect(await checkInvariants({ place, location: 'main', runs: [done, again], deadlineMs: DEADLINE_MS })).toEqual([]);
    });

    it('two restores into one namespace: every object once, both end well', async () => {
      const request = { backup: 'base', namespaceMapping: { [NAMESPACE]: 'both' } };
      const started = await Promise.all(['left', 'right'].map((name) => place.startRestore(name, request)));
      const ended = await Promise.all(started.map((run) => run.outcome()));
      for (const { result } of ended)
        expect(result).toMatchObject({ phase: 'Completed', failed: 0, errors: [], verification: { equal: true } });
      const without = new Map([...expected].filter(([key]) => key !== `Secret ${NAMESPACE}/robot-token-abc12`));
      const live = [{ expected: without, namespaces: ['both'], options: { rename: { both: NAMESPACE } } }];
      expect(await checkInvariants({ place, location: 'main', runs: ended, deadlineMs: DEADLINE_MS, live })).toEqual([]);
    });

    it('two backups: both are there; of one name: the second is refused, running or done', async () => {
      const started = await Promise.all(['east', 'west'].map((name) => place.startBackup(name, { namespaces: [NAMESPACE] })));
      await expect(place.startBackup('east', { namespaces: [NAMESPACE] })).rejects.toMatchObject({ type: 'AlreadyExists' });
      const ended = await Promise.all(started.map((run) => run.outcome()));
      for (const { result } of ended) expect(result).toMatchObject({ phase: 'Completed', errors: [] });
      expect(ended[0]?.result?.sequence).not.toBe(ended[1]?.result?.sequence);
      const again = await place.backup('east', { namespaces: [NAMESPACE] });
      expect(again.failure).toMatchObject({ type: 'AlreadyExists', message: expect.stringContaining('east') });
      const captured = { east: { snapshot: expected }, west: { snapshot: expected } };
      expect(await checkInvariants({ place, location: 'main', runs: [...ended, again], deadlineMs: DEADLINE_MS, captured })).toEqual([]);
    });

    it('a backup during a restore: it holds what was there at its revision, each object once', async () => {
      const restoring = await place.startRestore('under-way', { backup: 'base', namespaceMapping: { [NAMESPACE]: 'moving' } });
      await until('the namespace is there', async () => (await place.api.get('/api/v1/namespaces/moving')) !== undefined);
      const made = await place.backup('meanwhile', { namespaces: ['moving'] });
      const restored = await restoring.outcome();
      expect(made.result).toMatchObject({ phase: 'Completed', errors: [] });
      expect(restored.result).toMatchObject({ phase: 'Completed', failed: 0, verification: { equal: true } });
      expect(await checkInvariants({ place, location: 'main', runs: [made, restored], deadlineMs: DEADLINE_MS })).toEqual([]);
    });

    it('a restore while its namespace terminates: it waits until the old one is gone', async () => {
      await place.api.create(namespace('dying'));
      await place.api.create(configMap('dying', 'a', { text: 'old' }, { finalizers: ['example.com/hold'] }));
      await place.api.send('DELETE', '/api/v1/namespaces/dying');
      const restoring = await place.startRestore('into-dying', { backup: 'base', namespaceMapping: { [NAMESPACE]: 'dying' } });
      await delay(4_000);
      await place.api.mergePatch(configMap('dying', 'a'), { metadata: { finalizers: null } });
      const restored = await restoring.outcome();
      expect(restored.result).toMatchObject({ phase: 'Completed', failed: 0, errors: [], verification: { equal: true } });
      expect(await text('dying', 'a')).toBe('as captured');
      const without = new Map([...expected].filter(([key]) => key !== `Secret ${NAMESPACE}/robot-token-abc12`));
      const live = [{ expected: without, namespaces: ['dying'], options: { rename: { dying: NAMESPACE } } }];
      expect(await checkInvariants({ place, location: 'main', runs: [restored], deadlineMs: DEADLINE_MS, live })).toEqual([]);
    });
  });
});

function secretRef(at: string, name: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: at } };
}

/** Matches nothing that is made here. */
function webhook(name: string): PlainObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'nothing.example.com',
        clientConfig: { service: { name: 'nobody', namespace: 'default' } },
        rules: [{ apiGroups: ['nothing.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
      },
    ],
  };
}
