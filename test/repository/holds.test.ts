import { describe, expect, it } from '@jest/globals';
import { backUp, newRepository, quickOpen, sampleManifest } from './samples.ts';

async function threeBackups() {
  const made = await newRepository();
  for (const name of ['a', 'b', 'c']) await made.repository.commit(sampleManifest(name, []));
  return { ...made, store: made.repository.parts.store };
}

describe('a hold', () => {
  it('keeps a backup from being deleted until it is released, for whoever opens the repository', async () => {
    const { repository, store, identity } = await threeBackups();
    expect(await repository.hold(['a', 'b'], 'case 4711')).toEqual({ changed: ['a', 'b'], unchanged: [] });
    const other = await quickOpen(store, identity);
    expect((await other.backups()).map(({ held, holdReason }) => [held, holdReason])).toEqual([
      [true, 'case 4711'],
      [true, 'case 4711'],
      [false, ''],
    ]);
    const refused = { type: 'Conflict', message: expect.stringContaining('case 4711') };
    await expect(other.deleteBackups(['c', 'b'])).rejects.toMatchObject(refused);
    expect(await other.backups()).toHaveLength(3);
    expect(await other.release(['b', 'c'], '')).toEqual({ changed: ['b'], unchanged: ['c'] });
    expect(await repository.deleteBackups(['b', 'c'])).toMatchObject({ deleted: ['b', 'c'] });
    expect((await repository.backups()).map(({ manifest }) => manifest.name)).toEqual(['a']);
    expect(await other.problems()).toEqual([]);
  });

  it('may be repeated, and given another reason', async () => {
    const { repository } = await threeBackups();
    await repository.hold(['a'], 'one');
    const { entries } = await repository.readChain();
    expect(await repository.hold(['a'], 'one')).toEqual({ changed: [], unchanged: ['a'] });
    expect((await repository.readChain()).entries).toHaveLength(entries.length);
    expect(await repository.hold(['a'], 'two')).toEqual({ changed: ['a'], unchanged: [] });
    expect((await repository.findBackup('a')).holdReason).toBe('two');
  });

  it('is of a backup, not of its name', async () => {
    const { repository } = await threeBackups();
    await repository.hold(['a'], 'why');
    await repository.release(['a'], '');
    await repository.deleteBackups(['a']);
    await backUp(repository, 'a');
    expect(await repository.findBackup('a')).toMatchObject({ held: false });
    await expect(repository.hold(['a', 'zzz'], 'why')).rejects.toMatchObject({ type: 'NotFound' });
    expect(await repository.findBackup('a')).toMatchObject({ held: false });
  });

  it('and a deletion at the same time are in one order: never both', async () => {
    for (let round = 0; round < 10; round++) {
      const { repository, store, identity } = await threeBackups();
      const other = await quickOpen(store, identity);
      const [hold, deletion] = await Promise.allSettled([repository.hold(['a'], 'why'), other.deleteBackups(['a'])]);
      const names = (await repository.backups()).map(({ manifest }) => manifest.name);
      expect([hold.status, deletion.status].sort()).toEqual(['fulfilled', 'rejected']);
      expect(names.includes('a')).toBe(hold.status === 'fulfilled');
    }
  });
});
