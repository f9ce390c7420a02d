import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { repositoryStatistics } from '../../repository/statistics/statistics.ts';
import { Repository } from '../../repository/repository.ts';
import { CONFIG_MAPS, demoBackup, SECRETS, type DemoKind } from '../damage/demo-location.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newRepository, sampleRecords } from './samples.ts';

const maps = (namespace: string, count: number, seed: number): DemoKind => ({ type: CONFIG_MAPS, namespace, count, seed });

describe('statistics of a repository', () => {
  it('say what each backup and namespace takes, and what would be freed', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    await demoBackup(repository, 'one', [[maps('a', 20, 1)], [maps('b', 10, 2)]], { completedAt: '2026-01-01T00:00:00.000Z' });
    await demoBackup(repository, 'two', [[maps('a', 20, 1)], [maps('b', 10, 3)]], { completedAt: '2026-01-03T00:00:00.000Z' });
    const found = await repositoryStatistics(repository);
    const [one, two] = found.perBackup;
    expect(found).toMatchObject({ backups: 2, problems: [], garbage: { packs: 0, packBytes: 0 } });
    expect(found.logicalBytes).toBe((one?.logicalBytes ?? 0) + (two?.logicalBytes ?? 0));
    // The second adds its own namespace b alone, which is also all that is its own.
    expect(two?.addedBytes).toBe(two?.uniqueBytes);
    expect(one?.uniqueBytes).toBeLessThan(one?.addedBytes ?? 0);
    expect(found.growth).toEqual({ days: 2, perDay: Math.round((two?.addedBytes ?? 0) / 2), perBackup: two?.addedBytes });
    // Frames and nothing else: headers and tables of the packs are left over.
    const stored = found.perNamespace.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    expect(stored).toBe((one?.addedBytes ?? 0) + (two?.addedBytes ?? 0));
    expect(stored + found.garbage.deadBytes).toBe(found.files.packs.bytes);
    expect(found.storedBytes).toBe([...store.objects.values()].reduce((sum, { length }) => sum + length, 0));

    await repository.deleteBackups(['two']);
    const after = await repositoryStatistics(repository);
    expect(after.garbage.packBytes).toBe(two?.freedIfDeleted);
    expect(after.garbage.packs).toBe(1);
  });

  it('count what can be read and name what cannot', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    await demoBackup(repository, 'one', [[maps('a', 20, 1)], [maps('b', 10, 2)]]);
    const [pack = ''] = [...store.objects.keys()].filter((key) => key.startsWith('packs/'));
    store.objects.delete(pack);
    const { problems, perNamespace } = await repositoryStatistics(repository);
    expect(problems).toHaveLength(1);
    expect(perNamespace).toHaveLength(2);
  });
});

describe('the cost of a backup', () => {
  it('is nothing but a manifest for an unchanged cluster, and about what changed otherwise', async () => {
    const { repository } = await newRepository();
    const kinds = Array.from({ length: 50 }, (_, index): DemoKind => ({
      type: index % 2 ? SECRETS : CONFIG_MAPS,
      namespace: `n${index}`,
      count: 20,
      seed: index,
    }));
    await demoBackup(repository, 'one', [kinds]);
    const before = await repositoryStatistics(repository);
    await demoBackup(repository, 'same', [kinds]);
    const same = await repositoryStatistics(repository);
    expect([same.files.packs, same.files.indexes]).toEqual([before.files.packs, before.files.indexes]);
    // Twenty of a thousand objects: their segments, and the catalogue that lists them all.
    await demoBackup(repository, 'churned', [[...kinds.slice(1), maps('n0', 20, 999)]]);
    const churned = (await repositoryStatistics(repository)).perBackup.at(-1);
    const share = (churned?.addedBytes ?? 0) / (before.perBackup[0]?.addedBytes ?? 1);
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.06);
  });
});

describe('settings of a location', () => {
  it('make packs of the wanted size, and tighter ones at a higher level', async () => {
    const plain = Array.from({ length: 40 }, () => [randomBytes(100_000)]);
    const sizes = async (packSizeMiB: number): Promise<number[]> => {
      const store = new MemoryStore();
      const { repository } = await newRepository(store);
      const batch = new Repository(store, repository.parts.keys, { packSizeMiB }).startBatch();
      for (const records of plain) batch.add(records);
      await batch.finish();
      return [...store.objects].filter(([key]) => key.startsWith('packs/')).map(([, { length }]) => length);
    };
    const small = await sizes(1);
    expect(small).toHaveLength(4);
    for (const size of small) expect(size).toBeLessThanOrEqual(2 * 1024 ** 2);
    expect(await sizes(8)).toHaveLength(1);

    const { repository } = await newRepository();
    const bytesAt = (compressionLevel: number): number => {
      const { codec } = new Repository(new MemoryStore(), repository.parts.keys, { compressionLevel }).parts;
      const records = Buffer.concat(sampleRecords(500, 1));
      return codec.frame(codec.idOf(records), records).length;
    };
    expect(bytesAt(12)).toBeLessThan(bytesAt(1));
  });
});
