import { describe, expect, it } from '@jest/globals';
import type { MovedData } from '../../../contracts/volume.ts';
import { announceSnapshots } from '../../../repository/gc/announce-snapshots.ts';
import { surveyVolumes } from '../../../repository/gc/volume-survey.ts';
import type { Repository } from '../../../repository/repository.ts';
import { newRepository, quickOpen, sampleManifest } from '../samples.ts';
import { GRACE, store } from './places.ts';
import { HOUR, TimedStore } from './timed-store.ts';

const id = (digit: string): string => digit.repeat(64);
const AT = '2040-05-06T07:08:09.000Z';
const work = (...digits: readonly string[]) => ({ cluster: 'cluster-1', snapshots: digits.map(id), at: AT });

function moved(snapshot: string): MovedData {
  return { kind: 'restic', snapshot, files: 1, folders: 0, bytes: 1, addedBytes: 1 };
}

async function commit(repository: Repository, name: string, snapshot: string): Promise<void> {
  const facts = { namespace: 'shop', claim: 'data', volume: 'pv', storageClass: '', driver: '', capacityBytes: 1, accessModes: [] };
  const times = { startedAt: AT, completedAt: AT };
  const volume = {
    ...facts,
    ...times,
    volumeMode: 'Filesystem',
    method: 'file-system',
    consistency: 'none',
    data: moved(snapshot),
  } as const;
  await repository.commit(sampleManifest(name, [await store(repository, [name.length])], { volumes: [volume] }));
}

const entries = async (repository: Repository) =>
  (await repository.readChain()).entries.flatMap(({ content }) =>
    'manifest' in content && content.manifest.type === 'volume-collection' ? [content.manifest.snapshots] : [],
  );

describe('the announcement of snapshots that are forgotten', () => {
  it('leaves out what was committed since it was decided, and stops what would be committed after it', async () => {
    const place = new TimedStore();
    const { repository, identity } = await newRepository(place);
    const other = await quickOpen(place, identity);
    await commit(other, 'first', id('a'));
    expect(await announceSnapshots(repository.parts, work('a', 'b'), GRACE)).toEqual([id('b')]);
    await expect(commit(other, 'late', id('b'))).rejects.toMatchObject({ type: 'Conflict' });
    await commit(other, 'next', id('c'));
    expect((await other.backups()).map(({ manifest }) => manifest.name)).toEqual(['first', 'next']);
  });

  it('and a commit at the same time are in one order, whoever wins', async () => {
    for (let round = 0; round < 12; round += 1) {
      const place = new TimedStore();
      const { repository, identity } = await newRepository(place);
      const other = await quickOpen(place, identity);
      const [going, committed] = await Promise.all([
        announceSnapshots(repository.parts, work('a'), GRACE),
        commit(other, 'racing', id('a')).then(
          () => true,
          () => false,
        ),
      ]);
      expect(going).toEqual(committed ? [] : [id('a')]);
    }
  });

  it('is made once, and not at all where nobody writes', async () => {
    const { repository } = await newRepository(new TimedStore());
    for (let times = 0; times < 2; times += 1) expect(await announceSnapshots(repository.parts, work('a'), GRACE)).toEqual([id('a')]);
    expect(await entries(repository)).toEqual([[id('a')]]);
    expect(await announceSnapshots(repository.parts, work('a', 'b'), GRACE)).toEqual([id('a'), id('b')]);
    expect(await entries(repository)).toEqual([[id('a')], [id('b')]]);
    expect(await announceSnapshots(repository.parts, work('c'), { ...GRACE, nobodyWrites: true })).toEqual([id('c')]);
    expect(await announceSnapshots(repository.parts, work(), GRACE)).toEqual([]);
    expect(await entries(repository)).toHaveLength(2);
  });
});

describe('the survey of volumes', () => {
  it('tells age by the clock of the store, and leaves alone what is no repository', async () => {
    const place = new TimedStore();
    const { repository } = await newRepository(place);
    await commit(repository, 'backup', id('a'));
    for (const cluster of ['cluster-1', 'cluster-2']) {
      for (const digit of ['a', 'b']) await place.create(`volumes/${cluster}/snapshots/${id(digit)}`, Buffer.from(digit));
    }
    await place.create('volumes/cluster-1/config', Buffer.from('c'));
    const fates = async () =>
      (await surveyVolumes(repository.parts, GRACE)).map(({ cluster, snapshots }) => [cluster, ...snapshots.map(({ fate }) => fate)]);
    place.pass(72 * HOUR - 1);
    expect(await fates()).toEqual([['cluster-1', 'needed', 'young']]);
    place.pass(1);
    await place.create(`volumes/cluster-1/snapshots/${id('d')}`, Buffer.from('d'));
    expect(await fates()).toEqual([['cluster-1', 'needed', 'unneeded', 'young']]);
    place.locks.set(`volumes/cluster-1/snapshots/${id('b')}`, '2041-01-01T00:00:00.000Z');
    expect(await fates()).toEqual([['cluster-1', 'needed', 'locked', 'young']]);
    await repository.deleteBackups(['backup']);
    expect(await fates()).toEqual([['cluster-1', 'unneeded', 'locked', 'young']]);
  });
});
