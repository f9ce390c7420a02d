import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CopyTotals } from '../../contracts/copy.ts';
import { addCopyTotals, FIRST_CURSOR, NOTHING_COPIED } from '../../domain/copy/totals.ts';
import { copyBatch } from '../../repository/copy/copy-batch.ts';
import { planCopy, type CopyPlaces } from '../../repository/copy/plan-copy.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, newRepository, quickOpen, restore, sampleSegments, textOf } from './samples.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-copy-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A whole copy, as the workflow does it. */
async function copyAll(places: CopyPlaces): Promise<{ readonly totals: CopyTotals; readonly codes: readonly string[] }> {
  const { throughSequence } = await planCopy(places);
  let cursor: Parameters<typeof copyBatch>[1]['cursor'] | undefined = FIRST_CURSOR;
  let totals = NOTHING_COPIED;
  const codes: string[] = [];
  while (cursor) {
    const done: Awaited<ReturnType<typeof copyBatch>> = await copyBatch(places, { cursor, throughSequence });
    totals = addCopyTotals(totals, done.totals);
    codes.push(...done.errors.map(({ code }) => code));
    cursor = done.next;
  }
  return { totals, codes };
}

async function contentOf(store: ObjectStore): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { key } of store.list('')) content.set(key, (await store.read(key)).toString('base64'));
  return content;
}

describe('a copy of a repository', () => {
  it('is the same repository in another place, and restores on its own', async () => {
    const [from, to] = [new MemoryStore(), new FilesystemStore(join(folder, 'copy'))];
    const { repository, identity } = await newRepository(from);
    await backUp(repository, 'one');
    await backUp(repository, 'two', sampleSegments(50));
    await repository.writeRecord({ kind: 'restore', id: 'r', body: { fine: true } });
    const { totals, codes } = await copyAll({ from, to });
    expect(codes).toEqual([]);
    expect(totals).toMatchObject({ copied: from.objects.size, known: 0, failed: 0 });
    expect(await contentOf(to)).toEqual(await contentOf(from));
    from.objects.clear();
    const copy = await quickOpen(to, identity);
    expect(await restore(copy, 'two')).toEqual(textOf(sampleSegments(50)));
    expect(await copy.readRecord('restore', 'r')).toMatchObject({ body: { fine: true } });
    expect(await copy.problems()).toEqual([]);
  });

  it('sends only what is new, and nothing the second time', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const { repository } = await newRepository(from);
    await backUp(repository, 'one');
    await copyAll({ from, to });
    const before = from.objects.size;
    expect((await copyAll({ from, to })).totals).toMatchObject({ copied: 0, known: before });
    await backUp(repository, 'two', sampleSegments(80));
    expect((await copyAll({ from, to })).totals).toMatchObject({ copied: from.objects.size - before, known: before });
  });

  it('goes on after it was cut off at any moment, and never shows a backup whose data is not there', async () => {
    const from = new MemoryStore();
    const { repository, identity } = await newRepository(from);
    await backUp(repository, 'one');
    for (let cut = 1; ; cut++) {
      const to = new MemoryStore();
      const faulty = new FaultyStore(to, ({ number, method }) =>
        number >= cut && method === 'create' ? (cut % 2 === 0 ? 'before' : 'after') : 'none',
      );
      const outcome = await copyAll({ from, to: faulty }).then(
        () => 'done',
        () => 'cut',
      );
      if (to.objects.has('repository.json')) {
        const half = await quickOpen(to, identity, from);
        for (const { manifest } of await half.backups()) expect(await restore(half, manifest.name)).toEqual(textOf(sampleSegments()));
      }
      await copyAll({ from, to });
      expect(await contentOf(to)).toEqual(await contentOf(from));
      if (outcome === 'done') break;
    }
  });

  it('never passes on what is damaged, names it, and brings the rest', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const { repository } = await newRepository(from);
    await backUp(repository, 'one');
    const pack = [...from.objects.keys()].find((key) => key.startsWith('packs/')) ?? '';
    const damaged = Buffer.from(from.objects.get(pack) ?? '');
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    from.objects.set(pack, damaged);
    const { totals, codes } = await copyAll({ from, to });
    expect(codes).toEqual(['CopySourceDamaged']);
    expect(totals).toMatchObject({ failed: 1, copied: from.objects.size - 1 });
    expect(to.objects.has(pack)).toBe(false);
  });

  it('says when an object of the copy has another size, and leaves it alone', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const { repository } = await newRepository(from);
    await backUp(repository, 'one');
    await copyAll({ from, to });
    const pack = [...to.objects.keys()].find((key) => key.startsWith('packs/')) ?? '';
    to.objects.set(pack, Buffer.from('short'));
    expect(await copyAll({ from, to })).toMatchObject({ codes: ['CopyDamaged'], totals: { failed: 1 } });
    expect(String(to.objects.get(pack))).toBe('short');
  });

  it('does not take a later backup along without its data', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const { repository, identity } = await newRepository(from);
    await backUp(repository, 'one');
    const { throughSequence } = await planCopy({ from, to });
    // Committed while the copy is at work, after its packs were listed.
    await backUp(repository, 'two', sampleSegments(90));
    const later = { cursor: { stage: 'manifests', after: '' }, throughSequence } as const;
    await copyBatch({ from, to }, later);
    expect([...to.objects.keys()]).toEqual(['manifests/00000001']);
    await copyAll({ from, to });
    expect((await (await quickOpen(to, identity, from)).backups()).map(({ manifest }) => manifest.name)).toEqual(['one', 'two']);
  });

  it('refuses a place with another repository, with entries of its own, without a repository to copy, and itself', async () => {
    const [from, other, copy] = [new MemoryStore(), new MemoryStore(), new FilesystemStore(join(folder, 'copy'))];
    const { repository, identity } = await newRepository(from);
    await newRepository(other);
    await backUp(repository, 'one');
    await expect(planCopy({ from, to: other })).rejects.toMatchObject({ type: 'Conflict', message: /another repository is there/ });
    await copyAll({ from, to: copy });
    await backUp(await quickOpen(copy, identity), 'own', sampleSegments(7));
    await expect(planCopy({ from, to: copy })).rejects.toMatchObject({
      type: 'Conflict',
      message: /manifests\/00000002 is not of the repository/,
    });
    await backUp(repository, 'two', sampleSegments(8));
    await expect(planCopy({ from, to: copy })).rejects.toMatchObject({ type: 'Conflict' });
    await expect(planCopy({ from: new MemoryStore(), to: copy })).rejects.toMatchObject({ type: 'NotFound' });
    await expect(planCopy({ from: copy, to: new FilesystemStore(join(folder, 'copy')) })).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('copies the chain as it is after backups were deleted', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const { repository, identity } = await newRepository(from);
    await backUp(repository, 'one');
    await backUp(repository, 'two', sampleSegments(60));
    await copyAll({ from, to });
    await repository.deleteBackups(['one']);
    await copyAll({ from, to });
    const copy = await quickOpen(to, identity, from);
    expect((await copy.backups()).map(({ manifest }) => manifest.name)).toEqual(['two']);
    expect(await copy.problems()).toEqual([]);
  });
});
