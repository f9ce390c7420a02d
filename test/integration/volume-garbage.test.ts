import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import type { VolumeArchive } from '../../movers/volume-archive.ts';
import { volumeRepository } from '../../movers/volume-repository.ts';
import type { Repository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { CallOptions, ObjectStore, StoreFacts } from '../../storage/object-store.ts';
import { S3Store } from '../../storage/s3.ts';
import { collectLocation, type LocationGcReport, type LocationGcRequest } from '../../workers/collect-location.ts';
import { listing } from '../repository/gc/places.ts';
import { newRepository, quickOpen } from '../repository/samples.ts';
import { collect } from '../support/collect.ts';
import { treeOf } from '../support/file-tree.ts';
import { startTestS3 } from '../support/sandbox-env.ts';
import { VolumeLocation } from '../support/volume-location.ts';
import { extendLocks } from '../../repository/gc/extend-locks.ts';
import { readVolumePassword, volumePasswordKey } from '../../repository/volume-password.ts';
import { listKeys } from '../../repository/list-keys.ts';

const MB = 1_000_000;
const HOUR = 3_600_000;
const GRACE: LocationGcRequest = { graceMs: 72 * HOUR, nobodyWrites: false, dryRun: false, patienceMs: 30_000 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-volume-gc-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The clock of the store goes ahead of the times of what is stored. */
let ahead = 0;
const later = (facts: StoreFacts): StoreFacts => ({ ...facts, serverTime: new Date(Date.parse(facts.serverTime) + ahead).toISOString() });
class LaterFolder extends FilesystemStore {
  override async facts(options?: CallOptions): Promise<StoreFacts> {
    return later(await super.facts(options));
  }
}
class LaterBucket extends S3Store {
  override async facts(options?: CallOptions): Promise<StoreFacts> {
    return later(await super.facts(options));
  }
}

interface Place {
  readonly place: ObjectStore;
  readonly reach: (password: string) => ReturnType<typeof volumeRepository>;
  /** Keys of everything below `volumes/` that still takes space, hidden or not. */
  readonly stored: () => Promise<readonly string[]>;
  readonly dispose: () => Promise<void>;
}

async function inFolder(): Promise<Place> {
  const path = await mkdtemp(join(folder, 'plain-'));
  const place = new LaterFolder(path);
  return {
    place,
    reach: (password) => volumeRepository({ place: { scheme: 'file', path } }, 'cluster-1', password),
    stored: async () => (await listing(place)).map((line) => line.split(' ')[0] ?? '').filter((key) => key.startsWith('volumes/')),
    dispose: () => place.close(),
  };
}

async function inBucket(): Promise<Place> {
  const server = await startTestS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const keys = { accessKeyId, secretAccessKey };
  const options = { endpoint, region, credentials: keys, forcePathStyle: true };
  const client = new S3Client(options);
  await client.send(new CreateBucketCommand({ Bucket: 'locking', ObjectLockEnabledForBucket: true }));
  const place = new LaterBucket({ bucket: 'locking', prefix: '' }, options);
  return {
    place,
    reach: (password) =>
      volumeRepository({ place: { scheme: 's3', bucket: 'locking', prefix: '' }, endpoint, region, keys }, 'cluster-1', password),
    stored: async () => {
      const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: 'locking', Prefix: 'volumes/' }));
      return Versions.map(({ Key = '' }) => Key);
    },
    dispose: async () => {
      client.destroy();
      await place.close();
      await server.stop();
    },
  };
}

describe.each([
  { kind: 'a folder', open: inFolder },
  { kind: 'a bucket that keeps versions', open: inBucket },
])('garbage collection of volumes in $kind', ({ open }) => {
  let at: Place;
  let identity: string;
  let repository: Repository;
  let volumes: VolumeLocation;

  beforeEach(async () => {
    ahead = 0;
    at = await open();
    ({ repository, identity } = await newRepository(at.place));
    volumes = await VolumeLocation.open(repository, at.reach);
  }, 120_000);
  afterEach(async () => {
    volumes.close();
    await at.dispose();
  });

  const gc = async (request: Partial<LocationGcRequest> = {}, archive: VolumeArchive = volumes.archive): Promise<LocationGcReport> =>
    collectLocation(await quickOpen(at.place, identity), () => Promise.resolve(archive), { ...GRACE, ...request });
  const packs = async () => (await at.stored()).filter((key) => key.includes('/data/'));
  const bytesOf = async (): Promise<number> =>
    (await collect(at.place.list('volumes/'))).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

  it('frees what only deleted backups needed, and what is left comes back equal', async () => {
    volumes.change(3 * MB);
    const kept = await volumes.backUp('kept');
    const tree = await treeOf(volumes.volume);
    volumes.change(5 * MB);
    const gone = await volumes.backUp('gone');
    await volumes.restic.run(volumes.access, ['backup', '--host', 'x', '--stdin-from-command', '--', 'echo', 'mine'], {
      signal: AbortSignal.timeout(60_000),
    });
    await repository.deleteBackups(['gone']);
    expect((await gc()).volumes).toMatchObject([{ cluster: 'cluster-1', needed: 1, young: 2, forgotten: [], problem: '' }]);
    expect(await volumes.snapshots()).toEqual(['kept', 'gone']);

    ahead = 73 * HOUR;
    const before = await listing(at.place);
    const [foreseen] = (await gc({ dryRun: true })).volumes;
    expect(foreseen).toMatchObject({
      needed: 1,
      foreign: 1,
      forgotten: [{ snapshot: gone.snapshot, volume: 'shop/data', backup: 'gone' }],
    });
    expect(foreseen?.freedBytes).toBeGreaterThan(5 * MB);
    expect(await listing(at.place)).toEqual(before);

    const sizeBefore = await bytesOf();
    const report = await gc();
    expect(report.volumes).toMatchObject([{ needed: 1, young: 0, foreign: 1, forgotten: [{ snapshot: gone.snapshot }], problem: '' }]);
    expect(report.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(report.total.bytes);
    expect(report.rows.find(({ kind, fate }) => kind === 'volumes' && fate === 'deleted')?.bytes).toBe(sizeBefore - (await bytesOf()));
    expect(sizeBefore - (await bytesOf())).toBeGreaterThan(5 * MB);
    expect(await volumes.snapshots()).toEqual(['kept']);
    // Locks of movers are hidden by restic itself: a few hundred bytes each, for a lifecycle rule of the bucket.
    const left = (await at.stored()).filter((key) => !key.includes('/locks/'));
    expect(left.sort()).toEqual((await collect(at.place.list('volumes/'))).map(({ key }) => key));
    expect(await treeOf(await volumes.restore(kept))).toEqual(tree);
    await volumes.archive.check({ signal: AbortSignal.timeout(60_000), readPercent: 100 });
    expect((await gc()).volumes).toMatchObject([{ forgotten: [], freedBytes: 0, problem: '' }]);
  }, 300_000);

  it('spares what a running backup has captured, and refuses its commit when the grace was too short for it', async () => {
    volumes.change(MB);
    const quick = await volumes.capture('quick');
    expect((await gc()).volumes).toMatchObject([{ young: 1, forgotten: [] }]);
    await volumes.commit('quick', quick);
    const slow = await volumes.capture('slow');
    ahead = 73 * HOUR;
    expect((await gc()).volumes).toMatchObject([{ needed: 1, forgotten: [{ backup: 'slow' }] }]);
    await expect(volumes.commit('slow', slow)).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringContaining('1 volumes of backup slow'),
    });
    expect((await repository.backups()).map(({ manifest }) => manifest.name)).toEqual(['quick']);
    expect(await readFile(join(await volumes.restore(quick), 'file'))).toEqual(await readFile(join(volumes.volume, 'file')));
  }, 300_000);

  it('touches nothing when a manifest cannot be read', async () => {
    volumes.change(MB);
    for (const name of ['one', 'two', 'three']) await volumes.backUp(name);
    await repository.deleteBackups(['three']);
    ahead = 73 * HOUR;
    const key = 'manifests/00000002';
    const content = await at.place.read(key);
    content[content.length - 1] = 255 - (content.at(-1) ?? 0);
    await at.place.delete(key);
    await at.place.create(key, content);
    const before = await listing(at.place);
    await expect(gc()).rejects.toMatchObject({ type: 'Damaged' });
    await expect(gc({ dryRun: true })).rejects.toMatchObject({ type: 'Damaged' });
    expect(await listing(at.place)).toEqual(before);
  }, 300_000);

  it('goes on where one that died has stopped', async () => {
    volumes.change(4 * MB);
    await volumes.backUp('gone');
    await repository.deleteBackups(['gone']);
    ahead = 73 * HOUR;
    const died = new HoldfastError('Unavailable', 'the store is gone');
    const dying = (method: 'forget' | 'prune'): VolumeArchive =>
      new Proxy(volumes.archive, {
        get: (target, name) => {
          if (name === method) return () => Promise.reject(died);
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    const full = (await packs()).length;
    for (const method of ['forget', 'prune'] as const) {
      const report = await gc({}, dying(method));
      expect(report.volumes).toMatchObject([{ freedBytes: 0, problem: 'the store is gone' }]);
      expect(report.warnings).toMatchObject([
        { code: 'VolumesNotCollected', message: expect.stringContaining('cluster-1: the store is gone') },
      ]);
      expect((await packs()).length).toBe(full);
    }
    expect(await volumes.snapshots()).toEqual([]);
    expect((await gc()).volumes).toMatchObject([{ problem: '' }]);
    expect((await packs()).length).toBe(0);
    // Announced once, however often it was tried.
    const { entries } = await repository.readChain();
    const announced = entries.filter(({ content }) => 'manifest' in content && content.manifest.type === 'volume-collection');
    expect(announced).toHaveLength(1);
  }, 300_000);
});

it('a snapshot of a volume that the store has locked stays, and the collection says so', async () => {
  ahead = 0;
  const at = await inBucket();
  const { repository, identity } = await newRepository(at.place);
  const volumes = await VolumeLocation.open(repository, at.reach);
  try {
    volumes.change(MB);
    const { snapshot } = await volumes.backUp('gone');
    await repository.deleteBackups(['gone']);
    const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000).toISOString();
    await at.place.lock(`volumes/cluster-1/snapshots/${snapshot}`, until);
    ahead = 73 * HOUR;
    const report = await collectLocation(await quickOpen(at.place, identity), () => Promise.resolve(volumes.archive), GRACE);
    expect(report.volumes).toMatchObject([{ locked: 1, lockedUntil: until, forgotten: [] }]);
    expect(await volumes.snapshots()).toEqual(['gone']);
  } finally {
    volumes.close();
    await at.dispose();
  }
}, 120_000);

it('volumes are locked with the backup that needs them: nobody can delete their data, and backups and collections go on', async () => {
  ahead = 0;
  const at = await inBucket();
  const { repository, identity } = await newRepository(at.place);
  const volumes = await VolumeLocation.open(repository, at.reach);
  const files = () => listKeys(at.place, 'volumes/cluster-1/', {});
  try {
    volumes.change(MB);
    await volumes.backUp('locked');
    const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000).toISOString();
    await extendLocks(repository, await repository.findBackup('locked'), { until });
    const password = volumePasswordKey(repository.parts.keys, 'cluster-1');
    const locked = [...(await files()), password];
    expect(await readVolumePassword(repository, 'cluster-1')).toBe(volumes.access.password);
    expect(locked.map((key) => key.split('/')[2])).toEqual(expect.arrayContaining(['config', 'data', 'index', 'keys', 'snapshots']));
    for (const key of locked) await expect(at.place.delete(key)).rejects.toMatchObject({ type: 'Locked' });

    volumes.change(MB);
    const { snapshot } = await volumes.backUp('later');
    const later = (await files()).filter((key) => !locked.includes(key));
    expect(later).toContain(`volumes/cluster-1/snapshots/${snapshot}`);
    await repository.deleteBackups(['later']);
    ahead = 73 * HOUR;
    const report = await collectLocation(await quickOpen(at.place, identity), () => Promise.resolve(volumes.archive), GRACE);
    expect(report.volumes).toMatchObject([{ needed: 1, forgotten: [{ backup: 'later' }] }]);
    expect(await volumes.snapshots()).toEqual(['locked']);
    await volumes.archive.check({ signal: new AbortController().signal, readPercent: 100 });

    volumes.change(MB);
    const lost = await volumes.backUp('lost');
    await at.place.delete(`volumes/cluster-1/snapshots/${lost.snapshot}`);
    await expect(extendLocks(repository, await repository.findBackup('lost'), { until })).rejects.toMatchObject({ type: 'Damaged' });
  } finally {
    volumes.close();
    await at.dispose();
  }
}, 180_000);
