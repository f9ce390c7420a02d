import { describe, expect, it } from '@jest/globals';
import { openRepository } from '../../repository/repository.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, newRepository, sampleManifest, sampleSegments } from './samples.ts';

async function chainOf(names: readonly string[]) {
  const store = new MemoryStore();
  const made = await newRepository(store);
  for (const name of names) await made.repository.commit(sampleManifest(name, []));
  return { store, ...made };
}

const codes = async (repository: { problems(): Promise<{ code: string }[]> }) => (await repository.problems()).map(({ code }) => code);

describe('the manifest chain', () => {
  it('gives 20 concurrent writers consecutive sequences', async () => {
    const store = new MemoryStore();
    const { identity, repository } = await newRepository(store);
    const writers = await Promise.all([1, 2, 3, 4].map(() => openRepository(store, { identities: [identity] })));
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (writers[index % 4] ?? repository).commit(sampleManifest(`b${String(index)}`, []))),
    );
    expect(results.map((result) => result.sequence).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const reader = await openRepository(store, { identities: [identity] });
    expect((await reader.backups()).map(({ sequence }) => sequence)).toHaveLength(20);
    expect(await reader.problems()).toEqual([]);
  }, 60_000);

  it('gives a run that commits twice its first answer', async () => {
    const { repository, store } = await chainOf(['a']);
    const first = await repository.commit(sampleManifest('b', []));
    await repository.commit(sampleManifest('c', []));
    expect(await repository.commit(sampleManifest('b', []))).toEqual(first);
    const results = await Promise.all([1, 2, 3].map(() => repository.commit(sampleManifest('d', []))));
    expect(new Set(results.map(({ sequence }) => sequence)).size).toBe(1);
    expect([...store.objects.keys()].filter((key) => key.startsWith('manifests/'))).toHaveLength(4);
  });

  it('refuses a name that is in use, also among concurrent writers, and allows it after deletion', async () => {
    const { repository } = await chainOf([]);
    const attempts = [1, 2, 3].map((run) => repository.commit(sampleManifest('same', [], { runId: `run-${String(run)}` })));
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ type: 'AlreadyExists' });
    await repository.deleteBackups(['same']);
    expect((await repository.commit(sampleManifest('same', [], { runId: 'later' }))).sequence).toBe(3);
  });

  it('refuses a manifest of the wrong shape before it is stored', async () => {
    const { repository, store } = await chainOf([]);
    const before = [...store.objects.keys()];
    await expect(repository.commit(sampleManifest('x', ['not a segment id']))).rejects.toThrow();
    expect([...store.objects.keys()]).toEqual(before);
  });

  it('finds backups by name and by sequence', async () => {
    const { repository } = await chainOf(['a', '1', 'c']);
    expect((await repository.findBackup('1')).sequence).toBe(2);
    expect((await repository.findBackup(1)).manifest.name).toBe('a');
    await expect(repository.findBackup('zzz')).rejects.toMatchObject({ type: 'NotFound' });
    await expect(repository.findBackup(9)).rejects.toMatchObject({ type: 'NotFound' });
    expect(await repository.findBackup(1)).toMatchObject(await repository.readBackup(1));
    await expect(repository.readBackup(9)).rejects.toMatchObject({ type: 'NotFound' });
  });

  it('explains the gaps that deletions leave, and no others', async () => {
    const { repository, store, identity } = await chainOf(['a', 'b', 'c', 'd']);
    expect(await repository.deleteBackups(['b', 'd'])).toEqual({ deleted: ['b', 'd'], alreadyDeleted: [], locked: [] });
    expect([...store.objects.keys()].filter((key) => key.startsWith('manifests/'))).toEqual([
      'manifests/00000001',
      'manifests/00000003',
      'manifests/00000005',
    ]);
    expect(await codes(repository)).toEqual([]);
    expect((await repository.commit(sampleManifest('e', []))).sequence).toBe(6);
    const fresh = await openRepository(store, { identities: [identity] });
    expect((await fresh.backups()).map(({ manifest }) => manifest.name)).toEqual(['a', 'c', 'e']);
    expect(await codes(fresh)).toEqual([]);
    expect(await repository.deleteBackups(['b'])).toEqual({ deleted: [], alreadyDeleted: ['b'], locked: [] });
    await expect(repository.deleteBackups(['a', 'nothing'])).rejects.toMatchObject({ type: 'NotFound' });
    expect((await fresh.backups()).map(({ manifest }) => manifest.name)).toEqual(['a', 'c', 'e']);
    store.objects.delete('manifests/00000003');
    expect(await codes(await openRepository(store, { identities: [identity] }))).toEqual(['ManifestGap']);
    store.objects.delete('manifests/00000005');
    const problems = await (await openRepository(store, { identities: [identity] })).problems();
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'ManifestGap memory://test: manifests/00000002 to manifests/00000005 are gone, and no deletion is recorded',
    ]);
  });

  it('shows a first entry that is gone', async () => {
    const { store, identity } = await chainOf(['a', 'b']);
    store.objects.delete('manifests/00000001');
    expect(await codes(await openRepository(store, { identities: [identity] }))).toEqual(['ManifestGap']);
  });

  it('does not bring a deleted backup back when its file is put back', async () => {
    const { repository, store, identity } = await chainOf(['a', 'b']);
    const file = store.objects.get('manifests/00000001') ?? Buffer.alloc(0);
    await repository.deleteBackups(['a']);
    store.objects.set('manifests/00000001', file);
    const fresh = await openRepository(store, { identities: [identity] });
    expect((await fresh.backups()).map(({ manifest }) => manifest.name)).toEqual(['b']);
  });

  it('notices that the newest entries went back, if it has seen them', async () => {
    const { repository, store, identity } = await chainOf(['a', 'b']);
    store.objects.delete('manifests/00000002');
    expect(await codes(repository)).toEqual(['ManifestGap']);
    const other = await openRepository(store, { identities: [identity] });
    await other.commit(sampleManifest('forged', []));
    expect(await codes(repository)).toEqual(['ManifestReplaced']);
  });

  it('goes on after a damaged entry, and reports it', async () => {
    const { store, identity } = await chainOf(['a', 'b']);
    store.objects.get('manifests/00000001')?.fill(7, 50, 60);
    const repository = await openRepository(store, { identities: [identity] });
    expect((await repository.backups()).map(({ manifest }) => manifest.name)).toEqual(['b']);
    await expect(repository.findBackup(1)).rejects.toMatchObject({ type: 'Damaged' });
    await expect(repository.readBackup(1)).rejects.toMatchObject({ type: 'Damaged' });
    await expect(repository.findBackup('a')).rejects.toMatchObject({ type: 'NotFound', advice: expect.stringContaining('damaged') });
    expect((await repository.commit(sampleManifest('c', []))).sequence).toBe(3);
    expect(await codes(repository)).toEqual(['ManifestDamaged', 'ManifestHashMismatch']);
  });

  it('is read whole while backups are deleted', async () => {
    const { repository, store, identity } = await chainOf(Array.from({ length: 12 }, (_, index) => `b${String(index)}`));
    const reader = await openRepository(store, { identities: [identity] });
    const progress = { deleting: true };
    const deletions = (async () => {
      for (let index = 0; index < 12; index += 2) await repository.deleteBackups([`b${String(index)}`]);
      progress.deleting = false;
    })();
    while (progress.deleting) expect(await codes(reader)).toEqual([]);
    await deletions;
    expect(await reader.backups()).toHaveLength(6);
  });

  it('survives with the data of a backup whose namesakes were deleted', async () => {
    const { repository } = await chainOf([]);
    await backUp(repository, 'a', sampleSegments(1));
    await backUp(repository, 'b', sampleSegments(1));
    await repository.deleteBackups(['a']);
    const [part = ''] = (await repository.findBackup('b')).manifest.parts;
    expect(await repository.readDocument(part)).toHaveProperty('ids');
  });
});
