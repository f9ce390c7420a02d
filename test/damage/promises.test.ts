import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkLocation, type CheckOptions } from '../../repository/check/check-location.ts';
import { fileHeader } from '../../repository/file-header.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { gc, listing } from '../repository/gc/places.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newRepository } from '../repository/samples.ts';
import { CONFIG_MAPS, copyOf, demoBackup, demoLocation, type DemoLocation } from './demo-location.ts';

/** Promises of docs/threat-model.md, docs/garbage-collection.md and docs/repository-format.md that are easily made. */
let demo: DemoLocation;
beforeAll(async () => {
  demo = await demoLocation();
});

const open = (store: MemoryStore): Promise<Repository> => openRepository(store, { identities: [demo.identity] });
const AT_ONCE = { graceMs: 0, nobodyWrites: true };

describe('garbage collection', () => {
  it('stops at a manifest that it cannot open, and deletes nothing', async () => {
    const store = copyOf(demo.objects);
    await (await open(store)).deleteBackups(['third']);
    store.objects.set('manifests/00000005', Buffer.concat([fileHeader('M').subarray(0, 5), Buffer.of(9), Buffer.alloc(100)]));
    const before = await listing(store);
    await expect(gc(await open(store), AT_ONCE)).rejects.toMatchObject({ type: 'NewerFormat' });
    expect(await listing(store)).toEqual(before);
  });

  it('never touches what is not of the repository, and says how much it is', async () => {
    const store = copyOf(demo.objects);
    const foreign = ['notes.txt', 'packs/readme', 'manifests/1', 'condemned/latest', `packs/ff/${'a'.repeat(64)}`];
    for (const key of foreign) store.objects.set(key, Buffer.from('ours'));
    const { rows } = await gc(await open(store), AT_ONCE);
    expect(rows.find(({ fate }) => fate === 'foreign')).toMatchObject({ objects: foreign.length, bytes: 4 * foreign.length });
    expect(foreign.filter((key) => !store.objects.has(key))).toEqual([]);
  });
});

describe('whoever remembers', () => {
  it('notices that the newest entries are gone all together, or replaced; a fresh process does not', async () => {
    const gone = copyOf(demo.objects);
    const remembers = await open(gone);
    expect(await remembers.problems()).toEqual([]);
    for (const key of ['manifests/00000002', 'manifests/00000003']) gone.objects.delete(key);
    expect((await remembers.problems()).map(({ code }) => code)).toEqual(['ManifestGap', 'ManifestGap']);
    const fresh = await open(gone);
    expect([(await fresh.backups()).map(({ manifest }) => manifest.name), await fresh.problems()]).toEqual([['first'], []]);
    // Somebody with a key goes on from there: another history under the same sequence.
    await demoBackup(fresh, 'other', [[{ type: CONFIG_MAPS, namespace: 'shop', count: 3, seed: 9 }]]);
    expect((await remembers.problems()).map(({ code }) => code)).toEqual(['ManifestReplaced', 'ManifestGap']);
  });
});

describe('a check of a tenth of the data', () => {
  it('reads every pack in ten runs, each of which goes on where the last one ended', async () => {
    const store = new MemoryStore();
    const { repository, identity } = await newRepository(store);
    for (let seed = 0; seed < 30; seed++) {
      await demoBackup(repository, `b${seed}`, [[{ type: CONFIG_MAPS, namespace: 'shop', count: 5, seed: 100 + seed }]]);
    }
    const packs = new Set([...store.objects.keys()].filter((key) => key.startsWith('packs/')));
    expect(packs.size).toBe(30);
    const read = store.read.bind(store);
    const run = async (more: Partial<CheckOptions>): Promise<ReadonlySet<string>> => {
      const whole = new Map<string, number>();
      store.read = (key, range, options) => {
        if (packs.has(key)) whole.set(key, (whole.get(key) ?? 0) + (range?.length ?? Number.POSITIVE_INFINITY));
        return read(key, range, options);
      };
      const { witness, report } = await checkLocation(
        store,
        { identities: [identity] },
        { readDataPercent: 10, seed: '00000000', now: Date.now, ...more },
      );
      expect(report.state).toBe('sound');
      next = witness ? { witness, seed: witness.nextSeed } : {};
      // Others are read as far as the catalogue in them goes.
      return new Set([...whole].filter(([key, bytes]) => bytes >= (store.objects.get(key)?.length ?? 0)).map(([key]) => key));
    };
    let next: Partial<CheckOptions> = {};
    const proven = new Set<string>();
    for (let times = 0; times < 10; times++) {
      const some = await run(next);
      expect(some.size).toBeLessThan(8);
      for (const key of some) proven.add(key);
    }
    expect(proven).toEqual(packs);
  });
});
