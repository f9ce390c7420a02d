import { beforeAll, describe, expect, it } from '@jest/globals';
import { applyBatch } from '../../activities/apply/apply-batch.ts';
import { openNamed, prepareRestore } from '../../activities/apply/prepare-restore.ts';
import { workerPlugins } from '../../workers/plugins.ts';
import { openSession } from '../../activities/apply/restore-session.ts';
import { previewRestore } from '../../activities/preview/preview-restore.ts';
import { verifyRestored } from '../../activities/verify/verify-restored.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { RestoreProjectInput } from '../../contracts/restore.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { addCounts, emptyCounts, restorePhase } from '../../domain/plan/outcome.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { CONFIG_MAPS, copyOf, DEMO, demoLocation, demoRecord, SECRETS, type DemoKind, type DemoLocation } from './demo-location.ts';
import { restoringCluster, type RestoringCluster } from './restoring-cluster.ts';

/** A backup with damaged packs is restored but for what they held, and what they held is named. Through the activities of a restore. */
let demo: DemoLocation;
beforeAll(async () => {
  demo = await demoLocation();
});

const pulse = { beat: () => undefined, signal: new AbortController().signal, resumeFrom: undefined };
const INPUT: RestoreProjectInput = {
  name: 'r',
  backup: 'first',
  cluster: 'fake',
  location: 'l',
  options: {
    selection: SELECT_ALL,
    namespaceMapping: {},
    conflictPolicy: 'skip',
    includeControlled: false,
    preserveNodePorts: false,
    allow: [],
    readinessTimeoutMs: 1_000,
  },
};

interface Restored {
  readonly cluster: RestoringCluster;
  readonly failed: number;
  readonly created: number;
  readonly errors: readonly Issue[];
  readonly differenceCount: number;
  readonly phase: string;
}

/** What the workflow does, step by step. */
async function restoreFrom(store: MemoryStore, resumeEveryBatch = false): Promise<Restored> {
  const cluster = restoringCluster();
  const repository = await openRepository(store, { identities: [demo.identity] });
  const prepared = await prepareRestore({ cluster, repository, plugins: workerPlugins(), restore: INPUT }, pulse);
  const place = { restore: INPUT, sequence: prepared.sequence, serverTime: prepared.serverTime };
  const session = async () => {
    const { manifest } = await repository.readBackup(prepared.sequence);
    return openSession({ cluster, repository, restore: INPUT, manifest, lostParts: prepared.lostParts ?? [] });
  };
  let sum = { counts: emptyCounts(), failed: 0, errors: [...(prepared.errors ?? [])] };
  for (const batch of prepared.batches) {
    let last: unknown;
    const listening = { ...pulse, beat: (details?: unknown) => (last = details ?? last) };
    let done = await applyBatch(await session(), { ...place, batch }, listening);
    if (resumeEveryBatch) done = await applyBatch(await session(), { ...place, batch }, { ...pulse, resumeFrom: last });
    sum = { counts: addCounts(sum.counts, done.counts), failed: sum.failed + done.failed, errors: [...sum.errors, ...done.errors] };
  }
  const report = await verifyRestored(await session(), { ...place, batches: prepared.batches }, pulse);
  const phase = restorePhase({ counts: sum.counts, failed: sum.failed, errors: sum.errors.length, verified: report.equal });
  return { cluster, ...sum, created: sum.counts.create, differenceCount: report.differenceCount, phase };
}

/** The pack that holds a segment of these objects. */
function packOf(repository: Repository, kind: DemoKind): string {
  const records = Array.from({ length: 5 }, (_, index) => demoRecord(kind, index));
  const id = repository.startBatch().add(records);
  const [place] = repository.parts.index.find(Buffer.from(id, 'hex'));
  const { packId = '' } = place ? repository.parts.index.pack(place.pack) : {};
  return `packs/${packId.slice(0, 2)}/${packId}`;
}

/** Spoils the bytes of the frame that holds the objects `from` to `from + 4` of a kind. */
async function spoilSegment(store: MemoryStore, kind: DemoKind, from: number): Promise<void> {
  const repository = await openRepository(store, { identities: [demo.identity] });
  const records = Array.from({ length: Math.min(5, kind.count - from) }, (_, index) => demoRecord(kind, from + index));
  const id = repository.startBatch().add(records);
  const [place] = repository.parts.index.find(Buffer.from(id, 'hex'));
  if (!place) throw new Error('the demo has no such segment');
  const { packId } = repository.parts.index.pack(place.pack);
  store.objects.get(`packs/${packId.slice(0, 2)}/${packId}`)?.fill(0, place.offset + 20, place.offset + 40);
}

function expectOnlyRight({ cluster }: Restored): void {
  for (const kind of DEMO.first.flat()) {
    for (let index = 0; index < kind.count; index += 1) {
      const captured = JSON.parse(demoRecord(kind, index).toString()) as { metadata: { name: string; namespace: string }; data: unknown };
      const { name, namespace } = captured.metadata;
      const live = cluster.objects.get(`${kind.type.resource}/${namespace}/${name}`);
      if (live) expect(live['data']).toEqual(captured.data);
    }
  }
}

const [SHOP_MAPS, SHOP_SECRETS] = DEMO.first[0] as [DemoKind, DemoKind];
const [BANK_MAPS] = DEMO.first[1] as [DemoKind];

describe('a restore from a damaged backup', () => {
  it('is complete where nothing is damaged', async () => {
    const restored = await restoreFrom(copyOf(demo.objects));
    expect(restored).toMatchObject({ created: 42, failed: 0, errors: [], differenceCount: 0, phase: 'Completed' });
    expect(restored.cluster.objects.size).toBe(42);
    expectOnlyRight(restored);
  });

  it('brings all but the objects of a damaged segment, and names their kind, namespace and number', async () => {
    const store = copyOf(demo.objects);
    await spoilSegment(store, SHOP_MAPS, 10);
    const restored = await restoreFrom(store);
    expect(restored).toMatchObject({ created: 37, failed: 5, differenceCount: 5, phase: 'PartiallyFailed' });
    expect(restored.errors).toHaveLength(1);
    expect(restored.errors[0]).toMatchObject({
      code: 'Damaged',
      object: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: '' },
    });
    expect(restored.errors[0]?.message).toMatch(/^5 configmaps of namespace shop cannot be restored: .*packs\/.* is damaged/);
    expect([...restored.cluster.objects.keys()].filter((key) => /configmaps-01[0-4]$/.test(key) && key.includes('/shop/'))).toEqual([]);
    expectOnlyRight(restored);
  });

  it('counts nothing twice when an activity is tried again', async () => {
    const store = copyOf(demo.objects);
    await spoilSegment(store, SHOP_MAPS, 10);
    await spoilSegment(store, SHOP_SECRETS, 5);
    const restored = await restoreFrom(store, true);
    expect(restored).toMatchObject({ created: 35, failed: 7, phase: 'PartiallyFailed' });
    expect(restored.errors.map(({ message }) => message.split(' cannot')[0])).toEqual([
      '5 configmaps of namespace shop',
      '2 secrets of namespace shop',
    ]);
  });

  it('brings what other catalogues list when one of them is gone', async () => {
    const store = copyOf(demo.objects);
    store.objects.delete(packOf(await openRepository(store, { identities: [demo.identity] }), BANK_MAPS));
    const restored = await restoreFrom(store);
    expect(restored).toMatchObject({ created: 30, phase: 'PartiallyFailed' });
    expect(restored.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^12 configmaps that a damaged catalogue lists cannot be restored: /),
    ]);
    expectOnlyRight(restored);
  });

  it('keeps its positions when a catalogue can be read again in the middle of it', async () => {
    const store = copyOf(demo.objects);
    const broken = packOf(await openRepository(store, { identities: [demo.identity] }), BANK_MAPS);
    const body = store.objects.get(broken);
    store.objects.delete(broken);
    const cluster = restoringCluster();
    const repository = await openRepository(store, { identities: [demo.identity] });
    const { lostParts = [], batches } = await prepareRestore({ cluster, repository, plugins: workerPlugins(), restore: INPUT }, pulse);
    if (body) store.objects.set(broken, body);
    const reopened = await openRepository(store, { identities: [demo.identity] });
    const { manifest } = await reopened.findBackup('first');
    const session = await openSession({ cluster, repository: reopened, restore: INPUT, manifest, lostParts });
    expect(lostParts).toHaveLength(1);
    expect(session.ordered).toHaveLength(batches.reduce((sum, { segments }) => sum + segments, 0));
  });

  it('fails as a whole, with the list, when nothing is left', async () => {
    const store = copyOf(demo.objects);
    for (const key of store.objects.keys()) if (key.startsWith('packs/')) store.objects.get(key)?.fill(7);
    const restored = await restoreFrom(store);
    expect(restored).toMatchObject({ created: 0, phase: 'Failed' });
    expect(restored.errors.map(({ object }) => object?.kind)).toEqual(['ConfigMap', 'Secret']);
  });

  it('is planned with what it will lack', async () => {
    const store = copyOf(demo.objects);
    await spoilSegment(store, SHOP_SECRETS, 0);
    const repository = await openRepository(store, { identities: [demo.identity] });
    const { session } = await openNamed({ cluster: restoringCluster(), repository, restore: INPUT }, new AbortController().signal);
    const lost: Issue[] = [];
    let planned = 0;
    for await (const { action } of previewRestore(session, pulse.signal, (issue) => lost.push(issue)))
      if (action === 'create') planned += 1;
    expect(planned).toBe(37);
    expect(lost.map(({ object }) => [object?.kind, object?.namespace])).toEqual([[SECRETS.kind, 'shop']]);
    expect(CONFIG_MAPS.kind).toBe('ConfigMap');
  });
});
