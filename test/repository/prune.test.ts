import { describe, expect, it } from '@jest/globals';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { pruneBackups, type PruneOptions } from '../../repository/prune.ts';
import type { Repository } from '../../repository/repository.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newRepository, sampleManifest } from './samples.ts';

const NOW = '2026-11-20T12:00:00Z';

async function repositoryOf(...backups: readonly (readonly [name: string, more?: Partial<BackupManifest>])[]) {
  const store = new MemoryStore();
  const { repository } = await newRepository(store);
  for (const [index, [name, more = {}]] of backups.entries()) {
    const completedAt = `2026-11-${String(index + 1).padStart(2, '0')}T01:00:00.000Z`;
    await repository.commit(sampleManifest(name, [], { completedAt, schedule: 'nightly', ...more }));
  }
  return { store, repository };
}

const prune = (repository: Repository, options: Partial<PruneOptions> = {}) =>
  pruneBackups(repository, { select: {}, policy: { keepLast: 1 }, now: NOW, ...options });
const names = async (repository: Repository) => (await repository.backups()).map(({ manifest }) => manifest.name);

describe('pruning', () => {
  it('deletes what the policy removes, and nothing the second time', async () => {
    const { repository } = await repositoryOf(['a'], ['b'], ['c']);
    const first = await prune(repository, { policy: { keepLast: 2 } });
    expect(first.removed).toEqual(['a']);
    expect(await names(repository)).toEqual(['b', 'c']);
    expect(await prune(repository, { policy: { keepLast: 2 } })).toMatchObject({ removed: [], unreadable: [] });
    expect(await repository.problems()).toEqual([]);
  });

  it('changes nothing in a dry run, and decides the same', async () => {
    const { repository, store } = await repositoryOf(['a'], ['b'], ['c']);
    const before = [...store.objects.keys()];
    const dry = await prune(repository, { dryRun: true });
    expect([...store.objects.keys()]).toEqual(before);
    expect(dry.removed).toEqual([]);
    expect((await prune(repository)).decisions).toEqual(dry.decisions);
    expect(await names(repository)).toEqual(['c']);
  });

  it('looks at what is selected only', async () => {
    const backups = [
      ['a', { schedule: 'hourly', labels: { team: 'x' } }],
      ['b', { labels: { team: 'y' } }],
      ['c', { cluster: { name: 'other', uid: 'other-uid', version: 'v1' } }],
      ['d', { schedule: 'hourly', labels: { team: 'x' } }],
      ['e', { labels: { team: 'x' } }],
    ] as const;
    const seen = async (select: PruneOptions['select']) => {
      const { repository } = await repositoryOf(...backups);
      return (await prune(repository, { select, dryRun: true })).decisions.map(({ point }) => point.name);
    };
    expect(await seen({})).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(await seen({ schedule: 'hourly' })).toEqual(['d', 'a']);
    expect(await seen({ selector: 'team=x' })).toEqual(['e', 'd', 'a']);
    expect(await seen({ selector: 'team=x', schedule: 'nightly' })).toEqual(['e']);
    expect(await seen({ cluster: 'other' })).toEqual(['c']);
    expect(await seen({ cluster: 'other-uid' })).toEqual(['c']);
    expect(await seen({ schedule: 'none' })).toEqual([]);
  });

  it('leaves held backups until they are released', async () => {
    const { repository } = await repositoryOf(['a'], ['b'], ['c']);
    await repository.hold(['a'], 'audit');
    const { decisions, removed } = await prune(repository);
    expect(removed).toEqual(['b']);
    expect(decisions.at(-1)).toMatchObject({ action: 'keep', reasons: ['held: audit'] });
    await repository.release(['a'], 'done');
    expect((await prune(repository)).removed).toEqual(['a']);
  });

  it('removes what has expired, without any rule', async () => {
    const { repository } = await repositoryOf(
      ['a', { expiresAt: '2026-11-19T00:00:00.000Z' }],
      ['b', { expiresAt: '2026-12-19T00:00:00.000Z' }],
      ['c'],
    );
    expect((await prune(repository, { policy: {} })).removed).toEqual(['a']);
  });

  it.each(['damaged', 'gone'])('leaves what comes before an entry of the chain that is %s: it may be a hold', async (how) => {
    const { repository, store } = await repositoryOf(['a'], ['b']);
    await repository.hold(['a'], 'audit');
    for (const [index, name] of ['d', 'e'].entries()) {
      await repository.commit(sampleManifest(name, [], { completedAt: `2026-11-1${String(index)}T01:00:00.000Z`, schedule: 'nightly' }));
    }
    const hold = 'manifests/00000003';
    const bytes = Buffer.from(store.objects.get(hold) ?? '');
    if (how === 'gone') store.objects.delete(hold);
    else store.objects.set(hold, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
    const { removed, unreadable, decisions } = await prune(repository);
    expect({ removed, unreadable }).toEqual({ removed: ['d'], unreadable: [3] });
    expect(decisions.map(({ point, reasons }) => [point.name, reasons[0]])).toEqual([
      ['e', 'last good backup of schedule nightly'],
      ['d', 'no rule keeps it'],
      ['b', 'held: entry 3 of the chain cannot be read and may hold it'],
      ['a', 'held: entry 3 of the chain cannot be read and may hold it'],
    ]);
    expect(await names(repository)).toEqual(['a', 'b', 'e']);
  });

  it('refuses a wrong policy or selector before it reads anything', async () => {
    const { repository, store } = await repositoryOf(['a']);
    store.objects.clear();
    await expect(prune(repository, { policy: { keepDaily: 0 } })).rejects.toMatchObject({ type: 'BadInput' });
    await expect(prune(repository, { select: { selector: 'a in' } })).rejects.toMatchObject({ type: 'BadInput' });
  });
});
