import { describe, expect, it } from '@jest/globals';
import { dropSnapshot } from '../../activities/volume/drop-snapshot.ts';
import { dropSnapshots } from '../../activities/volume/drop-snapshots.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { CapturedVolume, KeptSnapshot } from '../../contracts/volume.ts';
import { droppedSnapshots } from '../../domain/volume/dropped-snapshots.ts';
import { pruneBackups } from '../../activities/catalog/prune-backups.ts';
import { newRepository, sampleManifest } from '../repository/samples.ts';
import { SnapshotCluster } from '../support/snapshot-cluster.ts';

const pulse = { signal: AbortSignal.timeout(60_000), beat: () => undefined, resumeFrom: undefined };

function kept(handle: string): KeptSnapshot {
  return { kind: 'csi', driver: 'disk.example.com', handle, snapshotClass: 'class', restoreBytes: 1 };
}

function backup(name: string, handles: readonly string[], more: Partial<BackupManifest> = {}): BackupManifest {
  const volumes = handles.map((handle): CapturedVolume => {
    const facts = { namespace: 'shop', claim: handle, volume: 'pv', storageClass: '', driver: 'disk.example.com', capacityBytes: 1 };
    const time = '2026-01-02T03:04:05.000Z';
    return {
      ...{ ...facts, accessModes: [], volumeMode: 'Filesystem', method: 'csi-snapshot', data: kept(handle) },
      ...{ consistency: 'crash', startedAt: time, completedAt: time },
    };
  });
  return sampleManifest(name, [], { cluster: { name: 'fake', uid: 'uid', version: 'v1' }, volumes, ...more });
}

const content = (handle: string, more: object = {}) => ({
  metadata: { name: handle },
  spec: {
    driver: 'disk.example.com',
    deletionPolicy: 'Retain',
    source: { volumeHandle: 'v' },
    volumeSnapshotRef: { namespace: 'shop', name: 'gone' },
    ...more,
  },
  status: { snapshotHandle: handle },
});

describe('kept snapshots of deleted backups', () => {
  it('are those that no backup needs that stays, each once', () => {
    const going = [backup('a', ['one', 'two']), backup('b', ['two', 'three'])];
    expect(droppedSnapshots(going, [backup('c', ['three'])]).map(({ kept: { handle } }) => handle)).toEqual(['one', 'two']);
    expect(droppedSnapshots([sampleManifest('none', [])], [])).toEqual([]);
  });

  it('are deleted in the storage, and nothing is left in the cluster', async () => {
    const place = new SnapshotCluster(['one', 'two']);
    const dropped = droppedSnapshots([backup('a', ['one'])], []);
    expect(await dropSnapshots(() => Promise.resolve(place.cluster), dropped, pulse)).toEqual([]);
    expect([...place.stored]).toEqual(['two']);
    expect([...place.objects]).toEqual([]);
    expect(place.created.every((key) => /^volumesnapshot(content)?s\/(default)?\/holdfast-drop-/.test(key))).toBe(true);
    // Repeated, although it is gone.
    expect(await dropSnapshots(() => Promise.resolve(place.cluster), dropped, pulse)).toEqual([]);
  });

  it('take what the capture left with them, and what a deletion left that died', async () => {
    const place = new SnapshotCluster(['one']);
    place.objects.set('volumesnapshotcontents//captured', { ...content('one'), metadata: { name: 'captured' } });
    const work = { cluster: place.cluster, kept: kept('one'), patienceMs: 5_000, pulse };
    const stop = new AbortController();
    const beat = (): void => {
      if (place.created.length === 0) return;
      place.works = false;
      stop.abort(new Error('killed'));
    };
    const dying = { ...work, pulse: { signal: stop.signal, beat } };
    await expect(dropSnapshot(dying)).rejects.toMatchObject({ name: 'AbortError' });
    expect(place.objects.size).toBeGreaterThan(0);
    expect(place.stored.size).toBe(1);
    place.works = true;
    await dropSnapshot(work);
    expect([...place.objects]).toEqual([]);
    expect([...place.stored]).toEqual([]);
  });

  it('stay while somebody uses them, in another cluster, and where the driver does nothing', async () => {
    const place = new SnapshotCluster(['one']);
    const drop = (patienceMs = 5_000) => dropSnapshot({ cluster: place.cluster, kept: kept('one'), patienceMs, pulse });
    place.objects.set('volumesnapshotcontents//theirs', { ...content('one'), metadata: { name: 'theirs' } });
    place.objects.set('volumesnapshots/shop/gone', { metadata: { name: 'gone' }, spec: { source: {} } });
    await expect(drop()).rejects.toMatchObject({ type: 'Conflict', message: expect.stringContaining('VolumeSnapshot shop/gone uses it') });
    place.objects.clear();
    place.objects.set('volumesnapshotcontents//theirs', { ...content('one', { deletionPolicy: 'Delete' }), metadata: { name: 'theirs' } });
    await expect(drop()).rejects.toMatchObject({ type: 'Conflict' });
    place.objects.clear();
    place.works = false;
    await expect(drop(300)).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringContaining('was not taken up in time') });
    place.uid = 'another';
    const dropped = droppedSnapshots([backup('a', ['one'])], []);
    expect(await dropSnapshots(() => Promise.resolve(place.cluster), dropped, pulse)).toMatchObject([
      { reason: 'fake is another cluster now' },
    ]);
    expect([...place.stored]).toEqual(['one']);
  });

  it('go with a retention, and the backups go without a cluster, too', async () => {
    const { repository } = await newRepository();
    const place = new SnapshotCluster(['one', 'two', 'three']);
    const left: string[] = [];
    const retention = async (connect: () => Promise<SnapshotCluster['cluster']>) => {
      const work = { repository, cluster: connect, onLeft: (message: string) => void left.push(message) };
      return pruneBackups(work, { location: 'main', schedule: 's', cluster: 'fake', policy: { keepLast: 1 } }, pulse);
    };
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      const completedAt = `2026-01-0${index + 1}T00:00:00.000Z`;
      await repository.commit(backup(name, index === 0 ? ['one'] : [name, 'three'], { schedule: 's', completedAt }));
    }
    expect(await retention(() => Promise.reject(new HoldfastError('Unavailable', 'no route')))).toEqual(['two', 'one']);
    expect(left.sort()).toEqual(
      ['one', 'two'].map((name) => `snapshot ${name} of volume shop/${name} stays in the storage system: no route`),
    );
    await repository.commit(backup('four', ['four'], { schedule: 's', completedAt: '2026-01-04T00:00:00.000Z' }));
    expect(await retention(() => Promise.resolve(place.cluster))).toEqual(['three']);
    expect([...place.stored].sort()).toEqual(['one', 'two']);
    expect(left).toHaveLength(2);
    expect((await repository.backups()).map(({ manifest }) => manifest.name)).toEqual(['four']);
  });
});
