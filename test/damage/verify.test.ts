import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { verifyStored } from '../../activities/catalog/verify-stored.ts';
import { StreamKeeper } from '../../activities/quiesce/stream-keeper.ts';
import { BackupVerifier } from '../../repository/check/verify-backup.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { newRepository } from '../repository/samples.ts';
import { CONFIG_MAPS, copyOf, demoBackup, demoLocation, type DemoLocation } from './demo-location.ts';

let demo: DemoLocation;
beforeAll(async () => {
  demo = await demoLocation();
});

const open = (store: MemoryStore): Promise<Repository> => openRepository(store, { identities: [demo.identity] });
const verifier = (repository: Repository, samplePercent = 100): BackupVerifier =>
  new BackupVerifier(repository, { samplePercent, seed: '00000000' });

describe('backup verify', () => {
  it('reads every object back and finds the counts of the manifest', async () => {
    const repository = await open(copyOf(demo.objects));
    const { manifest } = await repository.findBackup('first');
    const found = await verifier(repository).verify(await repository.findBackup('first'));
    expect(found).toMatchObject({ state: 'whole', objects: { read: 42, expected: 42 }, mismatches: [], affected: [] });
    expect(found.bytes).toEqual({ read: manifest.sizes.read, expected: manifest.sizes.read });
    expect(found.segments.read).toBe(found.segments.total);
  });

  it('reads streams back as well, and takes none of their pieces for an object', async () => {
    const { repository } = await newRepository();
    const keeper = new StreamKeeper(repository, 'shop', new AbortController().signal);
    await keeper.keep('dump', Readable.from([randomBytes(5_000_000)]));
    const { part } = await keeper.finish();
    await demoBackup(repository, 'objects', [[{ type: CONFIG_MAPS, namespace: 'shop', count: 7, seed: 1 }]]);
    const { manifest } = await repository.findBackup('objects');
    for (const [name, content] of [
      ['with-stream', { ...manifest, parts: [...manifest.parts, part] }],
      ['stream-alone', { ...manifest, parts: [part], kinds: [], objectCount: 0 }],
    ] as const) {
      await repository.commit({ ...content, name, runId: name });
      const found = await verifier(repository).verify(await repository.findBackup(name));
      expect(found).toMatchObject({ state: 'whole', mismatches: [], affected: [] });
      expect(found.objects).toEqual({ read: content.objectCount, expected: content.objectCount });
      expect(found.bytes.read).toBe(found.bytes.expected);
      expect(found.segments.read).toBeGreaterThanOrEqual(3);
    }
  });

  it('reads what backups share once', async () => {
    const store = copyOf(demo.objects);
    const repository = await open(store);
    const shared = verifier(repository);
    await shared.verify(await repository.findBackup('first'));
    let packReads = 0;
    const read = store.read.bind(store);
    store.read = (key, range, options) => {
      if (key.startsWith('packs/')) packReads += 1;
      return read(key, range, options);
    };
    expect(await shared.verify(await repository.findBackup('second'))).toMatchObject({ state: 'whole', objects: { read: 44 } });
    // Its two catalogues and the one run of segments that is its own.
    expect(packReads).toBeLessThanOrEqual(3);
  });

  it('goes on behind damage and lists what is affected', async () => {
    const store = copyOf(demo.objects);
    const [pack = ''] = [...store.objects.keys()].filter((key) => key.startsWith('packs/'));
    store.objects.get(pack)?.fill(0);
    const repository = await open(store);
    const found = await Promise.all((await repository.backups()).map((entry) => verifier(repository).verify(entry)));
    const hurt = found.filter(({ state }) => state === 'damaged');
    expect(hurt.length).toBeGreaterThan(0);
    for (const { affected, objects } of hurt) {
      expect(affected.reduce((sum, { count }) => sum + count, 0)).toBe(objects.expected - objects.read);
    }
  });

  it('sees a manifest that counts otherwise than what is stored', async () => {
    const { repository } = await newRepository();
    const batches = [[{ type: CONFIG_MAPS, namespace: 'a', count: 7, seed: 1 }]];
    await demoBackup(repository, 'wrong', batches, {
      objectCount: 8,
      kinds: [{ type: CONFIG_MAPS, count: 8, bytes: 1, revision: '7' }],
    });
    const found = await verifier(repository).verify(await repository.findBackup('wrong'));
    expect(found.state).toBe('damaged');
    expect(found.mismatches).toHaveLength(2);
  });

  it('takes a share of the segments, the same for the same seed', async () => {
    const repository = await open(copyOf(demo.objects));
    const entry = await repository.findBackup('first');
    const one = await verifier(repository, 30).verify(entry);
    expect(one.segments.read).toBeGreaterThan(0);
    expect(one.segments.read).toBeLessThan(one.segments.total);
    expect(await verifier(repository, 30).verify(entry)).toEqual(one);
  });
});

describe('the proof before a commit', () => {
  const pulse = { beat: () => undefined, signal: new AbortController().signal, resumeFrom: undefined };

  it('reads back something of every new pack, and nothing of older ones', async () => {
    const repository = await open(copyOf(demo.objects));
    const { manifest } = await repository.findBackup('first');
    const input = { location: 'l', parts: manifest.parts };
    // In memory, everything is of 1970.
    expect(await verifyStored(repository, { ...input, startedAt: '1970-01-01T00:00:00.000Z' }, pulse)).toMatchObject({
      packs: 2,
      readBack: 2,
    });
    expect(await verifyStored(repository, { ...input, startedAt: '2026-01-01T00:00:00.000Z' }, pulse)).toMatchObject({
      packs: 2,
      readBack: 0,
    });
  });

  it('refuses a pack whose table or every segment is not what was written', async () => {
    for (const spoil of ['frames', 'table'] as const) {
      const store = copyOf(demo.objects);
      const repository = await open(store);
      const { manifest } = await repository.findBackup('third');
      const { packs, recent = [] } = await repository.statPacks(manifest.parts, { since: -1 });
      expect(packs).toBe(1);
      const { packId } = repository.parts.index.pack(recent[0] ?? -1);
      const body = store.objects.get(`packs/${packId.slice(0, 2)}/${packId}`) ?? Buffer.alloc(0);
      const table = body.length - 4 - body.readUInt32BE(body.length - 4);
      // The catalogue itself, the last frame, stays whole: it would be missed at once.
      const part = repository.parts.index.find(Buffer.from(manifest.parts[0] ?? '', 'hex'))[0];
      if (spoil === 'table') body.fill(1, table + 20, table + 30);
      else body.fill(1, 6, part?.offset);
      const attempts = Array.from({ length: 12 }, () =>
        verifyStored(repository, { location: 'l', parts: manifest.parts, startedAt: '1970-01-01T00:00:00.000Z' }, pulse),
      );
      const results = await Promise.allSettled(attempts);
      // The segment is taken at random: a table is always seen, one bad segment of three in most attempts.
      const refused = results.filter(({ status }) => status === 'rejected').length;
      expect(refused).toBeGreaterThanOrEqual(spoil === 'table' ? 12 : 1);
    }
  });
});
