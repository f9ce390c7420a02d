import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Issue } from '../../contracts/outcome.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, newRepository, quickOpen, restore, sampleManifest, sampleSegments, textOf } from './samples.ts';

/** A location with backups a and b, each with packs and an index of its own, and a record. */
let objects: ReadonlyMap<string, Buffer>;
let foreign: ReadonlyMap<string, Buffer>;
let identity: string;
const SEEDS = { a: 10, b: 20 } as const;

beforeAll(async () => {
  const fill = async () => {
    const store = new MemoryStore();
    const made = await newRepository(store);
    await backUp(made.repository, 'a', sampleSegments(SEEDS.a));
    await backUp(made.repository, 'b', sampleSegments(SEEDS.b));
    await made.repository.writeRecord({ kind: 'restore', id: 'r', body: { ok: true } });
    return { objects: store.objects, identity: made.identity };
  };
  ({ objects, identity } = await fill());
  foreign = (await fill()).objects;
});

function copyOf(source: ReadonlyMap<string, Buffer>): MemoryStore {
  const store = new MemoryStore();
  for (const [key, body] of source) store.objects.set(key, Buffer.from(body));
  return store;
}

const keysBelow = (prefix: string) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
const bodyOf = (key: string) => objects.get(key) ?? Buffer.alloc(0);

interface Findings {
  /** Error type of opening, or of restoring a and b, or 'right'. */
  readonly results: readonly string[];
  readonly problems: readonly Issue[];
}

/** Opens, restores everything and checks; anything restored must be right. */
async function examine(store: MemoryStore): Promise<Findings> {
  const typeOf = (error: unknown) => (error as { type?: string }).type ?? String(error);
  const repository = await reopen(store).catch(typeOf);
  if (typeof repository === 'string') return { results: [repository], problems: [] };
  const attempt = async (name: 'a' | 'b') => {
    try {
      expect(await restore(repository, name)).toEqual(textOf(sampleSegments(SEEDS[name])));
      return 'right';
    } catch (error) {
      return typeOf(error);
    }
  };
  const record = await repository.readRecord('restore', 'r').then(({ body }) => (expect(body).toEqual({ ok: true }), 'right'), typeOf);
  const holders = await repository.listRecords('key').then(({ length }) => (length === 1 ? 'right' : 'NotFound'), typeOf);
  return { results: [await attempt('a'), await attempt('b'), record, holders], problems: await repository.problems().catch(() => []) };
}

/** What is read in opening with age is spoilt in tests of its own; the others do without, since it takes most of the time. */
function reopen(store: MemoryStore): Promise<Repository> {
  const spoilt = [...objects].some(([key, body]) => /^(keys|repository)/.test(key) && !store.objects.get(key)?.equals(body));
  return spoilt ? openRepository(store, { identities: [identity] }) : quickOpen(store, identity);
}

/** Something is wrong, and everything that came out is right. */
function expectDetected({ results, problems }: Findings): void {
  expect(results.some((result) => result !== 'right') || problems.length > 0).toBe(true);
  for (const result of results) expect(['right', 'Damaged', 'NotFound', 'WrongKey', 'NewerFormat']).toContain(result);
}

describe('damage in a location', () => {
  it('is not seen where there is none', async () => {
    expect(await examine(copyOf(objects))).toEqual({ results: ['right', 'right', 'right', 'right'], problems: [] });
  });

  it.each(['repository.json', 'keys/', 'packs/', 'index/', 'manifests/', 'records/'])(
    'is found at every place of %s',
    async (prefix) => {
      for (const key of keysBelow(prefix).slice(0, 1)) {
        const size = bodyOf(key).length;
        // Each of the first and last 40 bytes (headers, nonces, tags, trailers) and places all over the content.
        const edges = Array.from({ length: Math.min(40, size) }, (_, index) => [index, size - 1 - index]).flat();
        const places = new Set([...edges, ...Array.from({ length: 16 }, (_, index) => Math.floor((size * index) / 16))]);
        for (const place of places) {
          const store = copyOf(objects);
          const body = store.objects.get(key) ?? Buffer.alloc(0);
          body[place] = (body[place] ?? 0) ^ (1 << (place % 8));
          const found = await examine(store);
          // The end of a pack is its trailer, which restoring does not read; checking whole packs does.
          if (prefix === 'packs/' && found.results.every((result) => result === 'right')) await expectPackDamage(store);
          else expectDetected(found);
        }
      }
    },
    120_000,
  );

  it.each(['keys/', 'packs/', 'index/', 'manifests/', 'records/'])(
    'is found when an object of %s is cut, empty or gone',
    async (prefix) => {
      for (const key of keysBelow(prefix)) {
        for (const length of [bodyOf(key).length - 1, Math.floor(bodyOf(key).length / 2), 20, 3, 0]) {
          const store = copyOf(objects);
          store.objects.set(key, bodyOf(key).subarray(0, length));
          const found = await examine(store);
          if (prefix === 'packs/' && found.results.every((result) => result === 'right')) await expectPackDamage(store);
          else expectDetected(found);
        }
        const store = copyOf(objects);
        store.objects.delete(key);
        // The newest manifest is the one thing whose absence the location alone cannot show; see the witness below.
        const found = await examine(store);
        expectDetected(found);
        expect(found.results.every((result) => result === 'right')).toBe(false);
      }
    },
  );

  it.each(['packs/', 'index/', 'manifests/'])(
    'is found when two of %s are swapped, or one takes the place of the other',
    async (prefix) => {
      const [one = '', two = ''] = keysBelow(prefix);
      for (const moves of [
        [
          [one, two],
          [two, one],
        ],
        [[one, two]],
        [[two, one]],
      ] as const) {
        const store = copyOf(objects);
        for (const [from, to] of moves) store.objects.set(to, bodyOf(from));
        expectDetected(await examine(store));
      }
    },
  );

  it.each(['repository.json', 'index/', 'manifests/', 'records/', 'packs/'])(
    'is found when %s comes from another repository',
    async (prefix) => {
      const theirs = [...foreign].filter(([key]) => key.startsWith(prefix));
      const store = copyOf(objects);
      keysBelow(prefix).forEach((key, index) => store.objects.set(key, theirs[index]?.[1] ?? Buffer.alloc(0)));
      expectDetected(await examine(store));
    },
  );

  it('does not matter when foreign objects are put beside ours', async () => {
    const store = copyOf(objects);
    for (const [key, body] of foreign) if (/^(keys|packs)\//.test(key)) store.objects.set(key, body);
    store.objects.set('keys/readme', Buffer.from('hello'));
    store.objects.set('keys/00000000000000000000000000000000.age', Buffer.from('hello'));
    store.objects.set('manifests/readme', Buffer.from('hello'));
    store.objects.set('index/readme', Buffer.from('hello'));
    expect(await examine(store)).toEqual({ results: ['right', 'right', 'right', 'right'], problems: [] });
  });

  it('of one backup leaves the other restorable', async () => {
    const repository = await openRepository(copyOf(objects), { identities: [identity] });
    const { manifest } = await repository.findBackup('a');
    for (const key of keysBelow('packs/')) {
      const store = copyOf(objects);
      store.objects.get(key)?.fill(0);
      const opened = await openRepository(store, { identities: [identity] });
      const needed = (await opened.statPacks(manifest.parts)).packs;
      expect(needed).toBe(1);
      expect((await examine(store)).results.filter((result) => result === 'right')).toHaveLength(3);
    }
  });

  it('on the way, once, is read again', async () => {
    const store = copyOf(objects);
    const read = store.read.bind(store);
    const spoilt = new Set<string>();
    store.read = async (key, range, options) => {
      const body = await read(key, range, options);
      if (!/^(packs|index|manifests|records)\//.test(key) || spoilt.has(key)) return body;
      spoilt.add(key);
      body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
      return body;
    };
    expect(await examine(store)).toEqual({ results: ['right', 'right', 'right', 'right'], problems: [] });
    expect(spoilt.size).toBeGreaterThan(5);
  });

  async function expectPackDamage(store: MemoryStore): Promise<void> {
    const repository = await reopen(store);
    const ids = (await repository.backups()).flatMap(({ manifest }) => manifest.parts);
    await expect(repository.verifyPacks(ids)).rejects.toMatchObject({ type: 'Damaged' });
  }
});

describe('packs that are gone or damaged', () => {
  it.each(['gone', 'cut', 'emptied'])('are named when %s, and stored afresh by the next backup', async (how) => {
    const store = copyOf(objects);
    const repository = await openRepository(store, { identities: [identity] });
    const { manifest } = await repository.findBackup('a');
    const { ids } = (await repository.readDocument(manifest.parts[0] ?? '')) as { ids: string[] };
    expect(await repository.statPacks(ids)).toEqual({ packs: 1, missing: [] });
    for (const key of keysBelow('packs/')) {
      if (how === 'gone') store.objects.delete(key);
      else store.objects.set(key, bodyOf(key).subarray(0, how === 'cut' ? 100 : 0));
    }
    const { missing } = await repository.statPacks(ids);
    expect(missing).toHaveLength(1);
    expect(keysBelow('packs/')).toContain(missing[0]);
    await backUp(repository, 'again', sampleSegments(SEEDS.a));
    expect(await restore(repository, 'again')).toEqual(textOf(sampleSegments(SEEDS.a)));
    const other = await openRepository(store, { identities: [identity] });
    expect(await restore(other, 'again')).toEqual(textOf(sampleSegments(SEEDS.a)));
  });

  it('are evaded when an index is damaged: its segments count as unknown', async () => {
    const store = copyOf(objects);
    for (const key of keysBelow('index/')) store.objects.get(key)?.fill(1);
    const repository = await openRepository(store, { identities: [identity] });
    expect((await repository.problems()).map(({ code }) => code)).toEqual(['IndexDamaged', 'IndexDamaged']);
    await backUp(repository, 'again', sampleSegments(SEEDS.a));
    const other = await openRepository(store, { identities: [identity] });
    expect(await restore(other, 'again')).toEqual(textOf(sampleSegments(SEEDS.a)));
    // The same packs as before, adopted, under another index. Even the old backup can be read again.
    expect([...store.objects.keys()].filter((key) => key.startsWith('packs/'))).toHaveLength(2);
    expect(await restore(other, 'a')).toEqual(textOf(sampleSegments(SEEDS.a)));
  });
});

describe('a newer format', () => {
  it('of the repository is refused', async () => {
    const store = copyOf(objects);
    store.objects.set(
      'repository.json',
      Buffer.from(bodyOf('repository.json').toString().replace('"formatVersion":1', '"formatVersion":2')),
    );
    await expect(openRepository(store, { identities: [identity] })).rejects.toMatchObject({ type: 'NewerFormat' });
  });

  it('of a manifest is refused, for reading and for writing', async () => {
    const store = copyOf(objects);
    const last = Buffer.from(bodyOf('manifests/00000002'));
    last[5] = 2;
    store.objects.set('manifests/00000003', last);
    const repository = await openRepository(store, { identities: [identity] });
    await expect(repository.backups()).rejects.toMatchObject({ type: 'NewerFormat' });
    await expect(repository.commit(sampleManifest('c', []))).rejects.toMatchObject({ type: 'NewerFormat' });
  });
});
