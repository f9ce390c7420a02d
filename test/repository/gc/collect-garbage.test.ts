import { beforeAll, describe, expect, it } from '@jest/globals';
import { extendLocks } from '../../../repository/gc/extend-locks.ts';
import type { GcReport } from '../../../repository/gc/report.ts';
import type { Repository } from '../../../repository/repository.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import { newRepository, quickOpen, sampleManifest, sampleRecords } from '../samples.ts';
import { backUpSeeds, gc, listing, restoreSeeds, store } from './places.ts';
import { HOUR, TimedStore } from './timed-store.ts';

const FOREVER = 10_000 * HOUR;
/** Of so many moments one is tried: each of the writer's three steps at each of them. */
const STEP = 7;
let empty: TimedStore;
let identity: string;

beforeAll(async () => {
  empty = new TimedStore();
  ({ identity } = await newRepository(empty));
});

const open = (place: TimedStore): Promise<Repository> => quickOpen(place, identity);

/** A repository with backups a (seeds 1 to 4) and b (3 to 6), each in packs of its own, 100 hours old. */
async function twoBackups(): Promise<TimedStore> {
  const place = empty.copy();
  await backUpSeeds(await open(place), 'a', [1, 2, 3, 4]);
  await backUpSeeds(await open(place), 'b', [3, 4, 5, 6]);
  place.pass(100 * HOUR);
  return place;
}

const bytesOf = (report: GcReport, fate: string): number =>
  report.rows.filter((row) => row.fate === fate).reduce((sum, { bytes }) => sum + bytes, 0);

function expectSums(report: GcReport, before: readonly string[]): void {
  const total = before.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  expect(report.total).toEqual({ objects: before.length, bytes: total });
  expect(report.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(total);
  expect(report.rows.reduce((sum, { objects }) => sum + objects, 0)).toBe(before.length);
}

describe('garbage collection', () => {
  it('does nothing where everything is needed, and says so', async () => {
    const place = await twoBackups();
    const before = await listing(place);
    const report = await gc(await open(place));
    expect(await listing(place)).toEqual(before);
    expectSums(report, before);
    expect(report.rows.map(({ fate }) => fate).every((fate) => fate === 'needed')).toBe(true);
    expect(report.written).toEqual({ objects: 0, bytes: 0 });
  });

  it('condemns, waits for the grace, then deletes what a deleted backup alone needed', async () => {
    const place = await twoBackups();
    await (await open(place)).deleteBackups(['b']);
    const marked = await gc(await open(place));
    expect(marked.newlyCondemned).toBe(1);
    expect(place.keys('packs/')).toHaveLength(2);
    expect(place.keys('condemned/')).toEqual(['condemned/00000001']);
    place.pass(71 * HOUR);
    const waiting = await gc(await open(place));
    expect(waiting.rows).toContainEqual(expect.objectContaining({ kind: 'packs', fate: 'condemned', until: '2040-05-13T11:08:09.000Z' }));
    expect(place.keys('packs/')).toHaveLength(2);
    place.pass(HOUR);
    const swept = await gc(await open(place));
    expect(bytesOf(swept, 'deleted')).toBeGreaterThan(0);
    expect(place.keys('packs/')).toHaveLength(1);
    expect(place.keys('index/')).toHaveLength(1);
    expect(place.keys('condemned/')).toHaveLength(1);
    const reader = await open(place);
    expect(await restoreSeeds(reader, 'a')).toEqual([1, 2, 3, 4]);
    expect(await reader.problems()).toEqual([]);
    const after = await listing(place);
    expect((await gc(await open(place))).written.objects).toBe(0);
    expect(await listing(place)).toEqual(after);
  });

  it('goes by the clock of the store alone', async () => {
    const place = await twoBackups();
    await (await open(place)).deleteBackups(['b']);
    for (const key of place.keys('')) place.times.set(key, new Date(place.now).toISOString());
    const report = await gc(await open(place));
    expect(report.newlyCondemned).toBe(0);
    expect(report.rows).toContainEqual(expect.objectContaining({ kind: 'packs', fate: 'young', until: '2040-05-13T11:08:09.000Z' }));
  });

  it('takes packs that no index names, and nothing that others may put beside ours', async () => {
    const place = await twoBackups();
    await store(await open(place), [7, 8]);
    const [orphanIndex = ''] = place.keys('index/').filter((key) => place.times.get(key) === new Date(place.now).toISOString());
    place.objects.delete(orphanIndex);
    place.objects.set('packs/readme', Buffer.from('hello'));
    place.objects.set(`packs/00/${'f'.repeat(64)}`, Buffer.from('hello'));
    for (let run = 0; run < 3; run++) {
      place.pass(80 * HOUR);
      await gc(await open(place));
    }
    expect(place.keys('packs/').filter((key) => /[0-9a-f]{64}$/.test(key) && key !== `packs/00/${'f'.repeat(64)}`)).toHaveLength(2);
    expect(place.keys('packs/')).toHaveLength(4);
    expect(await restoreSeeds(await open(place), 'b')).toEqual([3, 4, 5, 6]);
  });

  it('frees everything at once when nobody writes', async () => {
    const place = await twoBackups();
    await (await open(place)).deleteBackups(['a', 'b']);
    const report = await gc(await open(place), { graceMs: 0, nobodyWrites: true });
    expect(place.keys('packs/')).toEqual([]);
    expect(place.keys('index/')).toEqual([]);
    expect(bytesOf(report, 'deleted')).toBeGreaterThan(0);
    await expect(gc(await open(place), { graceMs: 0 })).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('refuses when it cannot know what is needed', async () => {
    const gone = await twoBackups();
    gone.objects.delete('manifests/00000001');
    await expect(gc(await open(gone), { graceMs: 0, nobodyWrites: true })).rejects.toMatchObject({ type: 'Damaged' });
    const flipped = await twoBackups();
    flipped.objects.get('manifests/00000002')?.fill(0, 100);
    await expect(gc(await open(flipped), { graceMs: 0, nobodyWrites: true })).rejects.toMatchObject({ type: 'Damaged' });
    const lost = await twoBackups();
    lost.objects.delete(lost.keys('packs/')[0] ?? '');
    const before = await listing(lost);
    await expect(gc(await open(lost), { graceMs: 0, nobodyWrites: true })).rejects.toMatchObject({ type: 'Damaged' });
    expect(await listing(lost)).toEqual(before);
  });

  it('merges many small indexes', async () => {
    const place = empty.copy();
    const repository = await open(place);
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    const parts: string[] = [];
    for (const seed of seeds) parts.push(await store(repository, [seed]));
    await repository.commit(sampleManifest('a', parts));
    expect(place.keys('index/')).toHaveLength(40);
    const reader = await open(place);
    await gc(await open(place));
    expect(place.keys('index/')).toHaveLength(1);
    for (const opened of [reader, await open(place)]) {
      await opened.refresh();
      expect(await restoreSeeds(opened, 'a')).toEqual(seeds);
      expect((await opened.statPacks(parts)).missing).toEqual([]);
      await store(opened, [0]);
    }
    expect(place.keys('packs/')).toHaveLength(40);
  });

  it('explains with a dry run what a run then does, and writes nothing', async () => {
    const place = await twoBackups();
    const repository = await open(place);
    await backUpSeeds(repository, 'c', [20, 21, 22]);
    await repository.deleteBackups(['b']);
    place.objects.set('notes.txt', Buffer.from('hello'));
    for (const wait of [0, 73 * HOUR, 73 * HOUR]) {
      place.pass(wait);
      const before = await listing(place);
      const foreseen = await gc(await open(place), { dryRun: true });
      expect(await listing(place)).toEqual(before);
      expectSums(foreseen, before);
      const done = await gc(await open(place));
      expect(foreseen.rows).toEqual(done.rows);
      expectSums(done, before);
    }
  });
});

describe('a mostly dead pack', () => {
  it('gets no new users, and dies with the old ones', async () => {
    const place = empty.copy();
    await backUpSeeds(await open(place), 'old', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await backUpSeeds(await open(place), 'young', [1]);
    await (await open(place)).deleteBackups(['old']);
    place.pass(100 * HOUR);
    expect((await gc(await open(place))).sparse).toBe(1);
    await backUpSeeds(await open(place), 'fresh', [1]);
    await backUpSeeds(await open(place), 'fresher', [1]);
    expect(place.keys('packs/')).toHaveLength(3);
    for (let run = 0; run < 3; run++) {
      place.pass(80 * HOUR);
      await gc(await open(place));
    }
    expect(place.keys('packs/')).toHaveLength(2);
    const reader = await open(place);
    for (const name of ['young', 'fresh', 'fresher']) expect(await restoreSeeds(reader, name)).toEqual([1]);
  });

  it('stays when its successor turns out to be damaged', async () => {
    const place = empty.copy();
    await backUpSeeds(await open(place), 'old', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await backUpSeeds(await open(place), 'young', [1]);
    await (await open(place)).deleteBackups(['old']);
    place.pass(100 * HOUR);
    await gc(await open(place));
    const before = new Set(place.keys('packs/'));
    const batch = (await open(place)).startBatch();
    batch.add(sampleRecords(5, 1));
    await batch.finish();
    const [fresh = ''] = place.keys('packs/').filter((key) => !before.has(key));
    place.objects.get(fresh)?.fill(0, 100, 200);
    for (let run = 0; run < 3; run++) {
      place.pass(80 * HOUR);
      await gc(await open(place));
    }
    expect(await restoreSeeds(await open(place), 'young')).toEqual([1]);
  });
});

describe('locks', () => {
  const day = (place: TimedStore, days: number): string => new Date(place.now + days * 24 * HOUR).toISOString();

  it('are left alone, reported with their end, and what they have held goes later', async () => {
    const place = await twoBackups();
    for (const key of place.keys('')) place.locks.set(key, day(place, 30));
    const { locked } = await (await open(place)).deleteBackups(['b']);
    expect(locked).toEqual([{ name: 'b', until: day(place, 30) }]);
    expect((await (await open(place)).backups()).map(({ manifest }) => manifest.name)).toEqual(['a']);
    const end = day(place, 30);
    await gc(await open(place));
    place.pass(73 * HOUR);
    const report = await gc(await open(place));
    expect(report.locked.map(({ key }) => key.split('/')[0])).toEqual(['index', 'manifests', 'packs']);
    expect(new Set(report.locked.map(({ until }) => until))).toEqual(new Set([end]));
    expect(bytesOf(report, 'locked')).toBe(report.locked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    const chain = place.keys('manifests/');
    await gc(await open(place));
    expect(place.keys('manifests/')).toEqual(chain);
    // What is left gets no new users meanwhile.
    await backUpSeeds(await open(place), 'again', [5, 6]);
    place.pass(30 * 24 * HOUR);
    await gc(await open(place));
    expect(place.keys('packs/')).toHaveLength(2);
    expect(place.keys('manifests/')).not.toContain('manifests/00000002');
    const reader = await open(place);
    expect(await restoreSeeds(reader, 'a')).toEqual([1, 2, 3, 4]);
    expect(await restoreSeeds(reader, 'again')).toEqual([5, 6]);
  });

  it('are extended for everything that a backup needs, and for nothing else', async () => {
    const place = await twoBackups();
    const repository = await open(place);
    await backUpSeeds(repository, 'other', [30]);
    const until = day(place, 90);
    const backup = await repository.findBackup('b');
    const { objects } = await extendLocks(repository, backup, { until });
    const locked = [...place.locks].filter(([, end]) => end === until).map(([key]) => key.split('/')[0]);
    expect(locked.sort()).toEqual(['index', 'index', 'keys', 'manifests', 'packs', 'packs', 'repository.json']);
    expect(objects).toBe(7);
    await extendLocks(repository, backup, { until: day(place, 1) });
    expect(place.locks.get('repository.json')).toBe(until);
  });
});

describe('a collection that is interrupted', () => {
  it.each(['before', 'after'] as const)('at any call (%s its effect) is completed by the next one', async (when) => {
    const prepared = await twoBackups();
    await (await open(prepared)).deleteBackups(['b']);
    await gc(await open(prepared));
    prepared.pass(73 * HOUR);
    const undisturbed = prepared.copy();
    await gc(await open(undisturbed));
    const wanted = (await listing(undisturbed)).filter((line) => /^(packs|index)\//.test(line));
    for (let failing = 1; ; failing++) {
      const place = prepared.copy();
      const faulty = new FaultyStore(place, ({ number }) => (number < failing ? 'none' : number === failing ? when : 'before'));
      const crashed = await quickOpen(faulty, identity, place)
        .then((repository) => gc(repository))
        .then(
          () => false,
          () => true,
        );
      const reader = await open(place);
      expect(await restoreSeeds(reader, 'a')).toEqual([1, 2, 3, 4]);
      expect(await reader.problems()).toEqual([]);
      await gc(await open(place));
      expect((await listing(place)).filter((line) => /^(packs|index)\//.test(line))).toEqual(wanted);
      expect(place.keys('condemned/')).toHaveLength(1);
      const after = await listing(place);
      await gc(await open(place));
      expect(await listing(place)).toEqual(after);
      if (!crashed) break;
    }
  });
});

describe('a backup that runs meanwhile', () => {
  it('is restorable or refused, whenever it does what', async () => {
    const prepared = await twoBackups();
    await (await open(prepared)).deleteBackups(['b']);
    const outcomes = new Set<string>();
    const counted = await collectTwice(prepared.copy());
    for (let opened = 0; opened <= counted; opened += STEP) {
      for (let stored = opened; stored <= counted; stored += STEP) {
        for (let committed = stored; committed <= counted; committed += STEP) {
          const place = prepared.copy();
          let writer: Repository | undefined;
          let part = '';
          let outcome = 'not tried';
          await collectTwice(place, async (call) => {
            if (call === opened) writer = await open(place);
            if (call === stored && writer) part = await store(writer, [3, 4, 5, 6]);
            if (call === committed) {
              outcome = await (writer?.commit(sampleManifest('c', [part])) ?? Promise.reject(new Error('no writer'))).then(
                () => 'committed',
                (error: unknown) => (error as { type: string }).type,
              );
            }
          });
          outcomes.add(outcome);
          const reader = await open(place);
          const names = (await reader.backups()).map(({ manifest }) => manifest.name);
          expect(names).toEqual(outcome === 'committed' ? ['a', 'c'] : ['a']);
          for (const name of names) expect(await restoreSeeds(reader, name)).toEqual(name === 'a' ? [1, 2, 3, 4] : [3, 4, 5, 6]);
          await backUpSeeds(reader, 'again', [5, 6]);
          place.pass(FOREVER);
          await gc(await open(place));
          expect(await restoreSeeds(await open(place), 'again')).toEqual([5, 6]);
        }
      }
    }
    expect(outcomes).toEqual(new Set(['committed', 'Conflict']));
  }, 120_000);

  it('is restorable or refused, at whichever of its calls whole collections come in between', async () => {
    const prepared = await twoBackups();
    await (await open(prepared)).deleteBackups(['b']);
    const outcomes = new Set<string>();
    let calls = Infinity;
    for (let disturbed = 0; disturbed < calls; disturbed++) {
      const place = prepared.copy();
      let call = 0;
      const stepping = interposed(place, async () => {
        if (call++ === disturbed) await collectTwice(place);
      });
      const outcome = await quickOpen(stepping, identity, place)
        .then((writer) => backUpSeeds(writer, 'c', [3, 4, 5, 6]))
        .then(
          () => 'committed',
          (error: unknown) => (error as { type: string }).type,
        );
      calls = call;
      outcomes.add(outcome);
      const reader = await open(place);
      expect((await reader.backups()).map(({ manifest }) => manifest.name)).toEqual(outcome === 'committed' ? ['a', 'c'] : ['a']);
      expect(await restoreSeeds(reader, 'a')).toEqual([1, 2, 3, 4]);
      if (outcome === 'committed') expect(await restoreSeeds(reader, 'c')).toEqual([3, 4, 5, 6]);
    }
    expect(outcomes).toEqual(new Set(['committed', 'Conflict']));
  });
});

it('comes to its end while backups are committed all the time', async () => {
  const place = await twoBackups();
  await (await open(place)).deleteBackups(['b']);
  await gc(await open(place));
  place.pass(73 * HOUR);
  let backups = 0;
  // Whenever it has asked for the time, with which each attempt begins, and has read the chain.
  const stepping = interposed(place, async (method, key) => {
    if (method === 'list' && key === '') await backUpSeeds(await open(place), `c${String(backups)}`, [1, 20 + backups++]);
  });
  const swept = await gc(await quickOpen(stepping, identity, place));
  expect(bytesOf(swept, 'deleted')).toBeGreaterThan(0);
  expect(backups).toBeGreaterThan(0);
  const reader = await open(place);
  for (let number = 0; number < backups; number++) expect(await restoreSeeds(reader, `c${String(number)}`)).toEqual([1, 20 + number]);
});

/** A store that has `at` awaited before each call, with the method and its first argument. */
function interposed(place: TimedStore, at: (method: string, key: unknown) => Promise<void>): TimedStore {
  return new Proxy(place, {
    get(target, name: keyof TimedStore) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...given: unknown[]) => unknown;
      if (name === 'list') {
        return async function* (...given: unknown[]) {
          await at(name, given[0]);
          yield* method(...given) as AsyncGenerator;
        };
      }
      if (!['create', 'read', 'stat', 'delete', 'facts'].includes(name)) return method;
      return async (...given: unknown[]) => {
        await at(name, given[0]);
        return method(...given);
      };
    },
  });
}

/** Marks, lets the grace pass, sweeps; `at` is awaited before each call to the store, and at the end. Returns how often. */
async function collectTwice(place: TimedStore, at: (call: number) => Promise<void> = () => Promise.resolve()): Promise<number> {
  let calls = 0;
  for (const wait of [0, 73 * HOUR]) {
    place.pass(wait);
    const stepping = interposed(place, () => at(calls++));
    await gc(await quickOpen(stepping, identity, place));
  }
  await at(calls++);
  return calls;
}
