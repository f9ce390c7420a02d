import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkLocation, type CheckResult } from '../../repository/check/check-location.ts';
import type { Witness } from '../../repository/check/witness.ts';
import { pruneBackups } from '../../repository/prune.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { backUpSeeds, gc, restoreSeeds } from '../repository/gc/places.ts';
import { copyOf, demoLocation, readBack, type DemoLocation } from './demo-location.ts';

/** Somebody without a key who may create objects, and does: he keeps nobody from making and restoring backups, and check names what he did. */
let demo: DemoLocation;
beforeAll(async () => {
  demo = await demoLocation();
});

const open = (store: MemoryStore): Promise<Repository> => openRepository(store, { identities: [demo.identity] });

function check(store: MemoryStore, witness?: Witness): Promise<CheckResult> {
  const options = { readDataPercent: 100, seed: '00000000', now: Date.now };
  return checkLocation(store, { identities: [demo.identity] }, witness ? { ...options, witness } : options);
}

const DECEMBER = '2026-12-01T00:00:00.000Z';
const hex = 'ab'.repeat(32);
const PLANTED = [
  'manifests/00000004',
  'manifests/00000005',
  'manifests/00500000',
  'manifests/99999999',
  'condemned/00000001',
  'condemned/99999999',
  `index/${hex}`,
  `packs/ab/${hex}`,
  `records/${hex}`,
  `keys/${hex.slice(0, 32)}.age`,
  'rubbish',
];

async function expectReadable(store: MemoryStore): Promise<void> {
  const repository = await open(store);
  for (const name of ['first', 'second', 'third']) expect(await readBack(repository, name)).toMatchObject({ wrong: 0, lost: 0 });
}

describe('rubbish that somebody has put', () => {
  it.each(PLANTED)('at %s keeps nothing from being restored, and is named by a check', async (key) => {
    const store = copyOf(demo.objects);
    const { witness } = await check(store);
    store.objects.set(key, Buffer.from('rubbish'));
    await expectReadable(store);
    const { report } = await check(store, witness);
    expect(report.findings.some((finding) => finding.key === key || finding.message.includes(key))).toBe(true);
    expect(report.findings.length).toBeLessThan(5);
    expect(report.backups.map(({ state }) => state)).toEqual(['whole', 'whole', 'whole']);
  });

  it.each(PLANTED.filter((key) => !key.startsWith('condemned/')))('at %s keeps no backup from being made', async (key) => {
    const store = copyOf(demo.objects);
    store.objects.set(key, Buffer.from('rubbish'));
    await backUpSeeds(await open(store), 'later', [1, 2]);
    expect(await restoreSeeds(await open(store), 'later')).toEqual([1, 2]);
    await expectReadable(store);
  });

  it('at the end of all sequences is nobody’s predecessor: when it is removed, all is as it was', async () => {
    const store = copyOf(demo.objects);
    store.objects.set('manifests/99999999', Buffer.from('rubbish'));
    const seen = await check(store);
    await backUpSeeds(await open(store), 'later', [1, 2]);
    expect([...store.objects.keys()].filter((key) => key.startsWith('manifests/')).sort()).toEqual([
      ...[1, 2, 3, 4].map((sequence) => `manifests/0000000${sequence}`),
      'manifests/99999999',
    ]);
    const { decisions, unreadable } = await pruneBackups(await open(store), {
      select: {},
      policy: { keepLast: 1 },
      now: DECEMBER,
      dryRun: true,
    });
    expect([unreadable, decisions.map(({ action }) => action)]).toEqual([[], ['keep', 'remove', 'remove', 'remove']]);
    await expect(gc(await open(store))).rejects.toMatchObject({ type: 'Damaged', message: expect.stringContaining('nothing was deleted') });
    store.objects.delete('manifests/99999999');
    expect((await check(store, seen.witness)).report.state).toBe('sound');
    await gc(await open(store));
    await expectReadable(store);
  });

  it('in the condemned lists makes backups wait for a collection, which removes it', async () => {
    for (const key of ['condemned/00000001', 'condemned/99999999']) {
      const store = copyOf(demo.objects);
      store.objects.set(key, Buffer.from('rubbish'));
      await expect(backUpSeeds(await open(store), 'later', [1, 2])).rejects.toMatchObject({ type: 'Damaged' });
      await gc(await open(store));
      expect(store.objects.has(key)).toBe(false);
      await backUpSeeds(await open(store), 'later', [1, 2]);
      expect((await check(store)).report.state).toBe('sound');
    }
  });
});
