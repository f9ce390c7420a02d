import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkLocation, type CheckOptions, type CheckResult } from '../../repository/check/check-location.ts';
import type { CheckReport } from '../../repository/check/report.ts';
import { openRepository } from '../../repository/repository.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { randomFrom, seedOfRun } from './seeded-random.ts';
import { copyOf, DEMO, demoLocation, readBack, type DemoLocation } from './demo-location.ts';

/**
 * Every kind of stored object, damaged in every way: a check with --read-data finds all of it, says exactly which objects of which backups are
 * lost, and nothing that can still be read is wrong.
 */
let demo: DemoLocation;
let foreign: DemoLocation;
let intact: CheckResult;
beforeAll(async () => {
  [demo, foreign] = [await demoLocation(), await demoLocation()];
  intact = await check(copyOf(demo.objects));
});

function check(store: MemoryStore, more: Partial<CheckOptions> = {}): Promise<CheckResult> {
  return checkLocation(store, { identities: [demo.identity] }, { readDataPercent: 100, seed: '00000000', now: Date.now, ...more });
}

const KINDS = ['repository.json', 'keys/', 'packs/', 'index/', 'manifests/', 'records/'] as const;
const keysBelow = (prefix: string): string[] => [...demo.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
const bodyOf = (key: string): Buffer => Buffer.from(demo.objects.get(key) ?? []);

/** Checks a damaged copy with what an earlier check remembers; whatever the report says is compared with what can really be read. */
async function expectFound(store: MemoryStore, about: string): Promise<CheckReport> {
  const { witness } = intact;
  const { report } = await check(store, witness ? { witness } : {});
  expect({ about, state: report.state }).not.toEqual({ about, state: 'sound' });
  expect({ about, found: report.findings.filter(({ severity }) => severity !== 'note').length }).not.toEqual({ about, found: 0 });
  await expectTruth(store, report);
  return report;
}

async function expectTruth(store: MemoryStore, report: CheckReport): Promise<void> {
  const opened = await openRepository(store, { identities: [demo.identity] }).catch((error: unknown) => error as { type: string });
  if (!('backups' in opened)) {
    expect(['Damaged', 'NotFound', 'WrongKey', 'NewerFormat']).toContain(opened.type);
    expect(report.state).toBe('damaged');
    return;
  }
  for (const name of Object.keys(DEMO)) {
    const health = report.backups.find((backup) => backup.name === name);
    const read = await readBack(opened, name).catch((error: unknown) => (error as { type: string }).type);
    if (typeof read === 'string') {
      expect(['Damaged', 'NotFound', 'NewerFormat']).toContain(read);
      expect(report.state).toBe('damaged');
      continue;
    }
    expect(read.wrong).toBe(0);
    expect([name, health?.affectedObjects]).toEqual([name, read.lost]);
    expect([name, health?.state]).toEqual([name, read.lost === 0 ? 'whole' : read.right === 0 ? 'lost' : 'partly']);
    if (read.lost > 0) expect(report.state).toBe('damaged');
  }
}

describe('a check that reads all data', () => {
  it('finds nothing where nothing is wrong', () => {
    const { report } = intact;
    expect([report.state, report.findings]).toEqual(['sound', []]);
    expect(report.backups.map(({ name, state, objects }) => [name, state, objects])).toEqual([
      ['first', 'whole', 42],
      ['second', 'whole', 44],
      ['third', 'whole', 9],
    ]);
    expect(report.readData).toMatchObject({ percent: 100, packs: 4, segments: 19 });
  });

  it.each(KINDS)(
    'finds flipped bits anywhere in %s',
    async (prefix) => {
      const random = randomFrom(seedOfRun());
      for (const key of keysBelow(prefix)) {
        const size = bodyOf(key).length;
        const edges = [0, 1, 4, 5, 6, 7, 11, 22, 23, size - 1, size - 4, size - 5, size - 21];
        for (const place of [...edges, ...Array.from({ length: 12 }, () => random(size))]) {
          const store = copyOf(demo.objects);
          const body = store.objects.get(key);
          if (body) body[place] = (body[place] ?? 0) ^ (1 << random(8));
          await expectFound(store, `flip ${key} at ${place}`);
        }
      }
    },
    120_000,
  );

  it.each(KINDS)(
    'finds that %s is cut short, empty or gone',
    async (prefix) => {
      const random = randomFrom(seedOfRun());
      for (const key of keysBelow(prefix)) {
        const size = bodyOf(key).length;
        for (const length of [0, 3, 6, 20, size - 1, size - 4, random(size), random(size)]) {
          const store = copyOf(demo.objects);
          store.objects.set(key, bodyOf(key).subarray(0, length));
          await expectFound(store, `cut ${key} to ${length}`);
        }
        const store = copyOf(demo.objects);
        store.objects.delete(key);
        await expectFound(store, `delete ${key}`);
      }
    },
    60_000,
  );

  it.each(['packs/', 'index/', 'manifests/', 'records/'])(
    'finds that two of %s were swapped, or an older one was copied over a newer',
    async (prefix) => {
      const keys = keysBelow(prefix);
      for (const [index, one] of keys.entries()) {
        for (const two of keys.slice(index + 1)) {
          const swapped = copyOf(demo.objects);
          swapped.objects.set(one, bodyOf(two)).set(two, bodyOf(one));
          await expectFound(swapped, `swap ${one} and ${two}`);
          const older = copyOf(demo.objects);
          older.objects.set(two, bodyOf(one));
          await expectFound(older, `${one} over ${two}`);
        }
      }
    },
    60_000,
  );

  it.each(KINDS)('finds that %s is that of another repository', async (prefix) => {
    const theirs = [...foreign.objects].filter(([key]) => key.startsWith(prefix)).sort();
    const store = copyOf(demo.objects);
    keysBelow(prefix).forEach((key, index) => store.objects.set(key, Buffer.from(theirs[index]?.[1] ?? [])));
    await expectFound(store, `foreign ${prefix}`);
  });

  it('finds that the newest backups are gone all together, from what an earlier check saw', async () => {
    const rolledBack = copyOf(demo.objects);
    rolledBack.objects.delete('manifests/00000003');
    expect((await check(rolledBack)).report.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    const report = await expectFound(rolledBack, 'roll back');
    expect(report.findings[0]).toMatchObject({ code: 'RolledBack', severity: 'data', key: 'manifests/00000003' });

    // The same again, although that check has looked as well: it does not forget what it missed.
    const { witness } = await check(rolledBack, intact.witness ? { witness: intact.witness } : {});
    expect(witness).toMatchObject({ sequence: 3 });
  });
});
