import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { definition } from '../support/definitions.ts';
import { checkInvariants } from '../support/invariants.ts';
import { configMap, deployment, namespace, pods, statefulSet } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until, type PlainObject } from '../support/raw-api.ts';

const NAMESPACE = 'family';
/** Long enough for the garbage collector to notice what it takes for an orphan. */
const COLLECTED_AFTER_MS = 20_000;

interface Owned {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly ownerReferences?: readonly {
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      readonly controller?: boolean;
      readonly blockOwnerDeletion?: boolean;
    }[];
  };
}

describe('owners', () => {
  let place: TestPlace;
  let expected: Snapshot;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    const { api } = place;
    await api.create(namespace(NAMESPACE));
    await api.create(definition({ group: 'family.example.com', kind: 'Tree', plural: 'trees' }));
    await api.kindOf('family.example.com/v1', 'Tree');
    // In the order of names, every owner comes after what it owns.
    const root = await tree('z-root', []);
    const child = await tree('m-child', [reference(root, true)]);
    await tree('a-grandchild', [reference(child, true), reference(root)]);
    await api.create(configMap(NAMESPACE, 'of-root', { a: '1' }, { ownerReferences: [reference(root, true)] }));
    await api.create(configMap(NAMESPACE, 'of-child', { a: '2' }, { ownerReferences: [reference(child)] }));
    // The API server notes no field manager of it.
    await api.create({ ...configMap(NAMESPACE, 'empty-of-child', {}, { ownerReferences: [reference(child)] }), data: undefined });

    await api.create(deployment(NAMESPACE, 'web', 2));
    await api.create(statefulSet(NAMESPACE, 'kept'));
    await api.create(
      statefulSet(NAMESPACE, 'owning', { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' } }),
    );
    const jobSpec = { template: pods('job', { restartPolicy: 'Never' }) };
    const cron = await api.create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly', namespace: NAMESPACE },
      spec: { schedule: '0 3 * * *', suspend: true, jobTemplate: { spec: jobSpec } },
    });
    await job('by-cron', { ...jobSpec }, [reference(cron, true)]);
    await job('by-hand', { ...jobSpec }, []);
    await job('finished', { ...jobSpec, completions: 0, parallelism: 0 }, []);
    await until(
      'controllers have made pods and claims',
      async () => (await list('pods')).length === 6 && (await list('persistentvolumeclaims')).length === 2,
    );
    await until('the claims of one set are owned', async () =>
      (await list('persistentvolumeclaims')).some(({ metadata }) => metadata.ownerReferences !== undefined),
    );
    await until('the empty job is finished', async () =>
      JSON.stringify(
        await place.api.read({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'finished', namespace: NAMESPACE } }),
      ).includes('"Complete"'),
    );
    expected = await takeSnapshot(api, [NAMESPACE]);
    await place.startWorker();
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  function tree(name: string, ownerReferences: readonly object[]): Promise<PlainObject> {
    return place.api.create({
      apiVersion: 'family.example.com/v1',
      kind: 'Tree',
      metadata: { name, namespace: NAMESPACE, ownerReferences },
      spec: { name },
    });
  }

  function job(name: string, spec: object, ownerReferences: readonly object[]): Promise<PlainObject> {
    return place.api.create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: NAMESPACE, ownerReferences }, spec });
  }

  async function list(plural: string): Promise<readonly Owned[]> {
    const type = (await place.api.kinds()).find((kind) => kind.plural === plural);
    const { items } = (await place.api.json('GET', place.api.collection(type!, NAMESPACE))) as unknown as { items: readonly Owned[] };
    return items.map((item) => ({
      ...item,
      kind: type!.kind,
      apiVersion: type!.group === '' ? type!.version : `${type!.group}/${type!.version}`,
    }));
  }

  async function all(): Promise<readonly Owned[]> {
    const plurals = [
      'trees',
      'configmaps',
      'deployments',
      'replicasets',
      'statefulsets',
      'pods',
      'persistentvolumeclaims',
      'cronjobs',
      'jobs',
    ];
    return (await Promise.all(plurals.map(list))).flat();
  }

  /** `Kind name <- owners`, with a remark for each reference whose uid is not its owner's. */
  function relations(objects: readonly Owned[]): string[] {
    const uids = new Map(objects.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]));
    return objects
      .filter(({ kind, metadata }) => metadata.ownerReferences !== undefined && kind !== 'Pod')
      .map(({ kind, metadata }) => {
        const owners = metadata.ownerReferences!.map((owner) => {
          const wrong = uids.get(`${owner.kind} ${owner.name}`) === owner.uid ? '' : ' (not its uid)';
          return `${owner.kind} ${owner.name}${owner.controller === true ? ' controls' : ''}${owner.blockOwnerDeletion === true ? ' blocks' : ''}${wrong}`;
        });
        return `${kind} ${metadata.name} <- ${owners.sort().join(', ')}`;
      })
      .sort();
  }

  it('are linked again by their new uids, and nothing is garbage-collected', async () => {
    const made = await place.backup('family', { namespaces: [NAMESPACE] });
    expect(made).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const before = await all();
    const were = relations(before);
    expect(were).toContain('Tree a-grandchild <- Tree m-child controls blocks, Tree z-root');
    expect(were).toContain('PersistentVolumeClaim data-owning-0 <- StatefulSet owning controls blocks');

    await place.api.removeNamespaces(NAMESPACE);
    const crd = definition({ group: 'family.example.com', kind: 'Tree', plural: 'trees' });
    await place.api.remove(crd);
    await until('the definition is gone', async () => (await place.api.read(crd)) === undefined);
    const restored = await place.restore('back', { backup: 'family' });
    expect(restored.result).toMatchObject({ phase: 'Completed', failed: 0, errors: [], verification: { equal: true, differenceCount: 0 } });
    place.api.forgetKinds();

    await until('controllers have made the pods again', async () => (await list('pods')).length >= 5);
    const back = await all();
    // The job that the CronJob made is its controller's business; a finished one must not run again.
    expect(relations(back)).toEqual(were.filter((relation) => !relation.startsWith('Job by-cron')));
    expect(back.filter(({ kind }) => kind === 'Job').map(({ metadata }) => metadata.name)).toEqual(['by-hand']);
    for (const { metadata } of back) expect(before.map((object) => object.metadata.uid)).not.toContain(metadata.uid);

    await delay(COLLECTED_AFTER_MS);
    const later = await all();
    expect(later.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.uid}`).sort()).toEqual(
      back.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.uid}`).sort(),
    );
    const byKind = (objects: readonly Owned[], kind: string) => objects.filter((object) => object.kind === kind).length;
    // One less than before: the pod of the CronJob's job.
    expect({ pods: byKind(later, 'Pod'), sets: byKind(later, 'ReplicaSet'), claims: byKind(later, 'PersistentVolumeClaim') }).toEqual({
      pods: byKind(before, 'Pod') - 1,
      sets: 1,
      claims: 2,
    });
    expect(
      await checkInvariants({
        place,
        location: 'main',
        runs: [made, restored],
        deadlineMs: 90_000,
        captured: { family: { snapshot: expected } },
        live: [{ expected, namespaces: [NAMESPACE] }],
      }),
    ).toEqual([]);
  });
});

function reference(owner: PlainObject, controls = false): object {
  const { apiVersion, kind, metadata } = owner as unknown as Owned;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, ...(controls ? { controller: true, blockOwnerDeletion: true } : {}) };
}
