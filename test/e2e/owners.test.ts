import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { definition } from '../support/definitions.ts';
import { TestPlace } from '../support/place.ts';
import { until, type PlainObject } from '../support/raw-api.ts';

const NS = 'owners';
const GROUP = 'owners.example.com';
const POD = { containers: [{ name: 'main', image: 'busybox' }] };

function owner(object: PlainObject, controller = false) {
  const { name, uid } = object['metadata'] as Record<string, string>;
  return {
    apiVersion: object['apiVersion'],
    kind: object['kind'],
    name,
    uid,
    ...(controller ? { controller: true, blockOwnerDeletion: true } : {}),
  };
}

function uidOf(object: PlainObject | undefined): string {
  return String((object?.['metadata'] as PlainObject | undefined)?.['uid']);
}

function ownersOf(object: PlainObject | undefined): readonly Record<string, string>[] {
  return ((object?.['metadata'] as PlainObject | undefined)?.['ownerReferences'] ?? []) as unknown as Record<string, string>[];
}

const widget = (name: string, more: object = {}) => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Widget',
  metadata: { name, namespace: NS, ...more },
  spec: { size: 3 },
});
const configMap = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NS, ...more },
  data: { a: 'b' },
});
const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: NS },
  spec: { template: { spec: { ...POD, restartPolicy: 'Never' } } },
});
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: NS } };
const statefulSet = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: NS } };

/** Objects that own objects: what a restore must tie together again, and what it must leave to controllers. */
describe('owners', () => {
  let place: TestPlace;
  let oldUids: Set<string>;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    const { api } = place;
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } });
    await api.create(definition({ group: GROUP, kind: 'Widget', plural: 'widgets' }));
    // The child's name sorts before its parent's: a list brings it first, and so it is restored first.
    const parent = await api.create(widget('z-parent'));
    const child = await api.create(widget('a-child', { ownerReferences: [owner(parent)] }));
    await api.create(configMap('owned', { ownerReferences: [owner(child, true), owner(parent)] }));
    const labels = { app: 'web' };
    await api.create({
      ...deployment,
      spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: POD } },
    });
    const data = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
    await api.create({
      ...statefulSet,
      spec: {
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: { metadata: { labels: { app: 'db' } }, spec: POD },
        volumeClaimTemplates: [data],
      },
    });
    const cronJob = await api.create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly', namespace: NS },
      spec: { schedule: '0 3 1 1 *', jobTemplate: { spec: { template: { spec: { ...POD, restartPolicy: 'Never' } } } } },
    });
    await api.create({ ...job('nightly-1'), metadata: { name: 'nightly-1', namespace: NS, ownerReferences: [owner(cronJob, true)] } });
    await api.create(job('waiting'));
    const finished = await api.create({ ...job('finished'), spec: { ...job('finished').spec, suspend: true } });
    const now = new Date().toISOString();
    await api.mergePatch(
      finished,
      {
        status: {
          startTime: now,
          completionTime: now,
          succeeded: 1,
          conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({
            type,
            status: 'True',
            lastTransitionTime: now,
            lastProbeTime: now,
          })),
        },
      },
      '/status',
    );
    await until(
      'the controllers have made pods and claims',
      async () => (await names('pods')).length >= 3 && (await names('persistentvolumeclaims')).length === 1,
    );
    oldUids = new Set([parent, child, cronJob, finished].map(uidOf));
    await place.startWorker();
    expect(await place.backup('tree', { namespaces: [NS] })).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    await api.removeNamespaces(NS);
    expect(await place.restore('back', { backup: 'tree' })).toMatchObject({
      result: { phase: 'Completed', failed: 0, verification: { equal: true } },
    });
  }, 300_000);

  afterAll(() => place.close(), 60_000);

  async function names(plural: string): Promise<readonly string[]> {
    const group =
      { pods: '/api/v1', persistentvolumeclaims: '/api/v1', jobs: '/apis/batch/v1', replicasets: '/apis/apps/v1' }[plural] ?? '/api/v1';
    const { items } = (await place.api.json('GET', `${group}/namespaces/${NS}/${plural}`)) as unknown as {
      items: { metadata: { name: string } }[];
    };
    return items.map(({ metadata }) => metadata.name);
  }

  it('ties objects to the owners that are there now', async () => {
    const { api } = place;
    const [parent, child, owned] = await Promise.all([
      api.read(widget('z-parent')),
      api.read(widget('a-child')),
      api.read(configMap('owned')),
    ]);
    expect(ownersOf(child)).toEqual([{ apiVersion: `${GROUP}/v1`, kind: 'Widget', name: 'z-parent', uid: uidOf(parent) }]);
    expect(ownersOf(owned).map(({ name, uid }) => [name, uid])).toEqual([
      ['a-child', uidOf(child)],
      ['z-parent', uidOf(parent)],
    ]);
    expect(ownersOf(owned)[0]).toMatchObject({ controller: true, blockOwnerDeletion: true });
    for (const object of [parent, child]) expect(oldUids.has(uidOf(object))).toBe(false);
  });

  it('leaves to controllers what they make again, and brings claims back itself', async () => {
    await until(
      'the deployment has its pods again',
      async () => (await names('pods')).filter((name) => name.startsWith('web-')).length === 2,
    );
    // Restored ones beside the controller's own would be four.
    expect((await names('replicasets')).length).toBe(1);
    expect(await names('persistentvolumeclaims')).toEqual(['data-db-0']);
    const claim = await place.api.read({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data-db-0', namespace: NS } });
    expect(JSON.stringify(claim)).toContain('holdfast/back');
  });

  it('does not run finished jobs again, nor those of a CronJob', async () => {
    expect(await names('jobs')).toEqual(['waiting']);
  });

  it('leaves nothing for the garbage collector', async () => {
    await delay(20_000);
    for (const object of [widget('a-child'), widget('z-parent'), configMap('owned')]) expect(await place.api.read(object)).toBeDefined();
  }, 60_000);
});
