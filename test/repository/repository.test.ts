import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { initRepository } from '../../repository/init.ts';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { repositoryStatistics } from '../../repository/statistics/statistics.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, CANARY, newRepository, restore, sampleManifest, sampleRecords, sampleSegments, textOf } from './samples.ts';

describe('a repository', () => {
  it('returns every byte, in memory and from a folder, also in another process', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-repository-'));
    const folder = new FilesystemStore(root);
    await folder.prepare();
    for (const store of [new MemoryStore(), folder]) {
      const { repository, identity } = await newRepository(store);
      const binary = [Buffer.from([0, 255, 10]), Buffer.alloc(0), Buffer.from('{"n":12345678901234567890,"f":1.0,"__proto__":{}}')];
      const segments = [...sampleSegments(), binary, []];
      const ids = await backUp(repository, 'b', segments);
      expect(await restore(repository, 'b')).toEqual(textOf(segments));
      const other = await openRepository(store, { identities: [identity] });
      expect(await restore(other, 'b')).toEqual(textOf(segments));
      expect(await other.readSegment(ids[4] ?? '')).toEqual(binary);
      expect(other.id).toBe(repository.id);
    }
    await rm(root, { recursive: true });
  });

  it('stores what it has already only once, within a batch and later', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    const first = repository.startBatch();
    const id = first.add(sampleRecords(3, 1));
    expect(first.add(sampleRecords(3, 1))).toBe(id);
    expect(repository.has(id)).toBe(false);
    expect(await first.finish()).toMatchObject({ newSegments: 1, knownSegments: 1, packs: 1 });
    expect(repository.has(id)).toBe(true);
    const keys = [...store.objects.keys()];
    const second = repository.startBatch();
    expect(second.add(sampleRecords(3, 1))).toBe(id);
    expect(await second.finish()).toEqual({ newSegments: 0, knownSegments: 1, storedBytes: 0, packs: 0 });
    expect([...store.objects.keys()]).toEqual(keys);
  });

  it('makes the same files of the same batch, whoever repeats it', async () => {
    const store = new MemoryStore();
    const { identity } = await newRepository(store);
    // Both are opened before anything is stored, like two attempts of one activity.
    const attempts = [await openRepository(store, { identities: [identity] }), await openRepository(store, { identities: [identity] })];
    const keys: string[][] = [];
    for (const repository of attempts) {
      const batch = repository.startBatch();
      for (const records of sampleSegments()) batch.add(records);
      expect((await batch.finish()).newSegments).toBe(4);
      keys.push([...store.objects.keys()]);
    }
    expect(keys[1]).toEqual(keys[0]);
  });

  it('makes the same files of large segments, too, which other threads compress, and of small ones between them', async () => {
    const store = new MemoryStore();
    const { identity } = await newRepository(store);
    const attempts = [await openRepository(store, { identities: [identity] }), await openRepository(store, { identities: [identity] })];
    // What takes longer comes first; several packs.
    const slow = Buffer.from(Array.from({ length: 400_000 }, (_, index) => `${Math.imul(index, 2654435761) % 1000} `).join(''));
    const segments = [slow, randomBytes(4_000_000), Buffer.from('small'), randomBytes(4_000_000), randomBytes(1_100_000)].map((one) => [
      one,
    ]);
    const made: { readonly ids: readonly string[]; readonly keys: readonly string[] }[] = [];
    for (const repository of attempts) {
      const batch = repository.startBatch();
      const ids: string[] = [];
      for (const records of segments) {
        ids.push(batch.add(records));
        await batch.ready();
      }
      ids.push(batch.addDocument({ last: true }));
      expect(await batch.finish()).toMatchObject({ newSegments: 6, packs: 2 });
      made.push({ ids, keys: [...store.objects.keys()] });
    }
    expect(made[1]).toEqual(made[0]);
    const reader = await openRepository(store, { identities: [identity] });
    for (const [index, [content]] of segments.entries()) {
      const [read] = await reader.readSegment(made[0]!.ids[index]!);
      expect(content!.equals(read!)).toBe(true);
    }
  });

  it('reports the bytes that it stored', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    const size = () => [...store.objects.values()].reduce((sum, body) => sum + body.length, 0);
    const before = size();
    const batch = repository.startBatch();
    for (const records of sampleSegments()) batch.add(records);
    expect((await batch.finish()).storedBytes).toBe(size() - before);
  });

  it('shows no content and no name to whoever reads the location', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    // Segments that do not compress are stored uncompressed: they must not be readable either.
    await backUp(repository, `backup-${CANARY}`, [...sampleSegments(), [Buffer.from(CANARY)]]);
    await repository.writeRecord({ kind: 'restore', id: CANARY, body: { name: CANARY } });
    await repository.deleteBackups([`backup-${CANARY}`]);
    const names = [CANARY, repository.id === '' ? '' : 'run-of', 'ConfigMap', 'manifest', 'Completed'];
    for (const [key, body] of store.objects) {
      for (const name of names) {
        expect(key.replace('manifests/', '')).not.toContain(name);
        expect(body.includes(name)).toBe(false);
      }
    }
  });

  it('hides the sizes of manifests and records', async () => {
    const store = new MemoryStore();
    const { repository } = await newRepository(store);
    await repository.commit(sampleManifest('a', []));
    await repository.commit(sampleManifest('a-much-longer-name-'.repeat(10), []));
    const sizes = [...store.objects].filter(([key]) => key.startsWith('manifests/')).map(([, body]) => body.length);
    expect(sizes).toEqual([4096 + 39, 4096 + 39]);
  });

  it('fills packs of 8 to 16 MiB and reads them in the order asked', async () => {
    const store = new MemoryStore();
    const { repository, identity } = await newRepository(store);
    const segments = Array.from({ length: 30 }, (_, seed) => [randomBytes(1024 * 1024 + seed)]);
    segments.push([randomBytes(17 * 1024 * 1024)]);
    const batch = repository.startBatch();
    const ids: string[] = [];
    for (const segment of segments) {
      ids.push(batch.add(segment));
      await batch.ready();
    }
    const { packs } = await batch.finish();
    const sizes = [...store.objects].filter(([key]) => key.startsWith('packs/')).map(([, body]) => body.length);
    expect(sizes).toHaveLength(packs);
    expect(sizes.filter((size) => size > 16 * 1024 * 1024)).toHaveLength(1);
    expect(sizes.filter((size) => size < 8 * 1024 * 1024).length).toBeLessThanOrEqual(1);
    const counting = new FaultyStore(store, () => 'none');
    const reader = await openRepository(counting, { identities: [identity] });
    counting.calls = 0;
    const order = [...ids.keys()].sort((a, b) => ((a * 7) % 31) - ((b * 7) % 31));
    let position = 0;
    for await (const { id, records } of reader.readSegments(order.map((index) => ids[index] ?? ''))) {
      const index = order[position++] ?? -1;
      expect(id).toBe(ids[index]);
      expect(records[0]?.equals(segments[index]?.[0] ?? Buffer.alloc(0))).toBe(true);
    }
    expect(position).toBe(31);
    counting.calls = 0;
    let small = 0;
    for await (const segment of reader.readSegments(ids.slice(0, 16))) small += segment.records.length;
    expect(small).toBe(16);
    expect(counting.calls).toBeLessThanOrEqual(5);
    expect(await reader.verifyPacks(ids)).toBe(31);
  }, 60_000);

  it('lets several batches and several processes write at once', async () => {
    const store = new MemoryStore();
    const { identity, repository } = await newRepository(store);
    const repositories = [repository, await openRepository(store, { identities: [identity] })];
    const writers = Array.from({ length: 6 }, (_, index) => repositories[index % 2] ?? repository);
    await Promise.all(writers.map((writer, index) => backUp(writer, `b${String(index)}`, sampleSegments(index % 3))));
    const reader = await openRepository(store, { identities: [identity] });
    expect(await reader.backups()).toHaveLength(6);
    for (let index = 0; index < 6; index++) expect(await restore(reader, `b${String(index)}`)).toEqual(textOf(sampleSegments(index % 3)));
    expect(await reader.problems()).toEqual([]);
    // A process that was open all the time finds the others' segments, too.
    expect(await restore(repository, 'b1')).toEqual(textOf(sampleSegments(1)));
  });

  it('counts', async () => {
    const { repository } = await newRepository();
    await backUp(repository, 'a');
    const { backups, files } = await repositoryStatistics(repository);
    expect([backups, files.packs.objects, files.indexes.objects]).toEqual([1, 1, 1]);
  });

  it('refuses what is not a segment', async () => {
    const { repository } = await newRepository();
    expect(() => repository.has('../../etc')).toThrow('not a segment id');
    await expect(repository.readSegment('0'.repeat(64))).rejects.toMatchObject({ type: 'Damaged' });
    expect(await repository.statPacks(['0'.repeat(64)])).toEqual({ packs: 0, missing: ['0'.repeat(64)] });
    const [id = ''] = await backUp(repository, 'a');
    await expect(repository.readDocument(id)).rejects.toMatchObject({ type: 'Damaged' });
    expect(() => repository.startBatch().add([Buffer.alloc(65 * 1024 * 1024)])).toThrow('too large');
  });

  it('ends with the reason of its signal', async () => {
    const { repository } = await newRepository();
    const ids = await backUp(repository, 'a');
    const reason = new Error('cancelled');
    const signal = AbortSignal.abort(reason);
    await expect(repository.readSegment(ids[0] ?? '', { signal })).rejects.toBe(reason);
    await expect(repository.backups({ signal })).rejects.toBe(reason);
    const batch = repository.startBatch();
    batch.add(sampleRecords(1, 77));
    await expect(batch.finish(signal)).rejects.toBe(reason);
    await expect(repository.readSegments(ids, { signal }).next()).rejects.toBe(reason);
  });
});

describe('accounts of runs', () => {
  it('are kept once, and found by kind', async () => {
    const { repository } = await newRepository();
    const first = { kind: 'restore', id: 'b', body: { objects: 3 } };
    await repository.writeRecord(first);
    await repository.writeRecord(first);
    await expect(repository.writeRecord({ ...first, body: {} })).rejects.toMatchObject({ type: 'AlreadyExists' });
    await repository.writeRecord({ kind: 'restore', id: 'a', body: 1 });
    await repository.writeRecord({ kind: 'drill', id: 'a', body: 2 });
    expect(await repository.readRecord('restore', 'b')).toEqual(first);
    await expect(repository.readRecord('restore', 'c')).rejects.toMatchObject({ type: 'NotFound' });
    expect((await repository.listRecords('restore')).map(({ id }) => id)).toEqual(['a', 'b']);
  });
});

describe('keys', () => {
  it('open with any recipient and with the passphrase, not with others', async () => {
    const store = new MemoryStore();
    const one = await newRepository(new MemoryStore());
    const { generateIdentity, identityToRecipient } = await import('age-encryption');
    const mine = await generateIdentity();
    const recipients = [await identityToRecipient(mine), await identityToRecipient(one.identity)];
    const result = await initRepository(store, { recipients, passphrase: 'correct horse', scryptWorkFactor: 4 });
    expect(result.recoveryKey).toBeUndefined();
    for (const credentials of [{ identities: [mine] }, { identities: [one.identity] }, { passphrase: 'correct horse' }]) {
      expect((await openRepository(store, credentials)).id).toBe(result.id);
    }
    for (const credentials of [{ identities: [await generateIdentity()] }, { passphrase: 'wrong' }, {}]) {
      const error: unknown = await openRepository(store, credentials).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ type: 'WrongKey' });
      expect(String(error)).not.toMatch(/\n|wrong|AGE-SECRET/);
    }
  });

  it('are refused without repeating them', async () => {
    const store = new MemoryStore();
    await newRepository(store);
    const error: unknown = await openRepository(store, { identities: ['AGE-SECRET-KEY-1NONSENSE'] }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ type: 'BadInput' });
    expect(String(error)).not.toContain('NONSENSE');
    await expect(initRepository(new MemoryStore(), { recipients: ['age1nonsense'] })).rejects.toMatchObject({ type: 'BadInput' });
    await expect(initRepository(new MemoryStore(), { passphrase: '' })).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('make a repository once', async () => {
    const store = new MemoryStore();
    await expect(openRepository(store, {})).rejects.toMatchObject({ type: 'NotFound' });
    const results = await Promise.allSettled([initRepository(store), initRepository(store), initRepository(store)]);
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(made).toHaveLength(1);
    expect((await openRepository(store, { identities: [made[0]?.recoveryKey ?? ''] })).id).toBe(made[0]?.id);
    await expect(initRepository(store)).rejects.toMatchObject({ type: 'AlreadyExists' });
  });
});
