import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { extendLocks } from '../../repository/gc/extend-locks.ts';
import type { Repository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { S3Store } from '../../storage/s3.ts';
import { saveLocation } from '../../workers/configuration.ts';
import { backUpSeeds, gc, listing, restoreSeeds, store } from '../repository/gc/places.ts';
import { newRepository, quickOpen, sampleManifest } from '../repository/samples.ts';
import { ChildCommand } from '../support/child-command.ts';
import { startTestS3 } from '../support/sandbox-env.ts';

const AT_ONCE = { graceMs: 0, nobodyWrites: true };
const KILLS = 10;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-gc-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A location in a folder of its own, and how to run the command line with it. */
async function makeLocation(name: string, prepare: (repository: Repository) => Promise<void>) {
  const place = join(folder, name, 'location');
  await mkdir(place, { recursive: true });
  const { repository, identity } = await newRepository(new FilesystemStore(place));
  await prepare(repository);
  const key = { file: join(folder, name, 'key') };
  await writeFile(key.file, `${identity}\n`, { mode: 0o600 });
  return { place, identity, key };
}

async function commandFor(location: string, key: { readonly file: string }) {
  const config = join(folder, `${location.replaceAll('/', '-')}.yaml`);
  await saveLocation({ name: 'main', url: `file://${location}`, key }, config);
  const env = { PATH: process.env['PATH'], HOLDFAST_CONFIG: config, HOLDFAST_STATE_DIR: folder, NO_COLOR: '1' };
  return (...words: readonly string[]) => new ChildCommand(words, env);
}

const dataOf = async (place: ObjectStore): Promise<string[]> => (await listing(place)).filter((line) => /^(packs|index)\//.test(line));

describe.each([
  { kind: 'folder', open: () => openFolder() },
  { kind: 'S3 with object locks', open: () => openS3() },
])('garbage collection in $kind', ({ open }) => {
  it('frees what a deleted backup needed, by the clock of the store', async () => {
    const { place, dispose } = await open();
    try {
      const { repository, identity } = await newRepository(place);
      await backUpSeeds(repository, 'a', [1, 2]);
      await backUpSeeds(repository, 'b', [2, 3]);
      await repository.deleteBackups(['b']);
      const before = await dataOf(place);
      expect((await gc(await quickOpen(place, identity))).newlyCondemned).toBe(0);
      const grace = { graceMs: 1_000 };
      await delay(2_100);
      expect((await gc(await quickOpen(place, identity), grace)).newlyCondemned).toBe(1);
      await delay(2_100);
      await gc(await quickOpen(place, identity), grace);
      expect(await dataOf(place)).toHaveLength(before.length - 2);
      expect(await restoreSeeds(await quickOpen(place, identity), 'a')).toEqual([1, 2]);
      const report = await gc(await quickOpen(place, identity), { dryRun: true });
      const sizes = (await listing(place)).map((line) => Number(line.split(' ')[1]));
      expect(report.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(sizes.reduce((sum, size) => sum + size, 0));
    } finally {
      await dispose();
    }
  });
});

it('garbage collection leaves what Object Lock holds, says until when, and takes it later', async () => {
  const { place, dispose } = await openS3();
  try {
    const { repository, identity } = await newRepository(place);
    await backUpSeeds(repository, 'a', [1]);
    await backUpSeeds(repository, 'b', [2]);
    const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 15_000).toISOString();
    await extendLocks(repository, await repository.findBackup('b'), { until });
    const { locked } = await repository.deleteBackups(['b']);
    expect(locked).toEqual([{ name: 'b', until }]);
    // The store's clock has whole seconds: what was stored in this one counts as younger than now.
    await delay(1_100);
    const report = await gc(await quickOpen(place, identity), AT_ONCE);
    expect(report.locked.map(({ key, until: end }) => [key.split('/')[0], end])).toEqual([
      ['index', until],
      ['manifests', until],
      ['packs', until],
    ]);
    expect((await dataOf(place)).length).toBe(4);
    await delay(Date.parse(until) - Date.now() + 1_500);
    expect((await gc(await quickOpen(place, identity), AT_ONCE)).locked).toEqual([]);
    expect((await dataOf(place)).length).toBe(2);
    expect(await restoreSeeds(await quickOpen(place, identity), 'a')).toEqual([1]);
  } finally {
    await dispose();
  }
});

describe('a gc process', () => {
  it(`that is killed ${KILLS} times loses nothing, and ends where an undisturbed one does`, async () => {
    const { place, identity, key } = await makeLocation('killed', async (repository) => {
      const parts = { even: [] as string[], odd: [] as string[] };
      for (let seed = 0; seed < 60; seed++) parts[seed % 2 === 0 ? 'even' : 'odd'].push(await store(repository, [seed]));
      await repository.commit(sampleManifest('even', parts.even));
      await repository.commit(sampleManifest('odd', parts.odd));
      await repository.deleteBackups(['odd']);
    });
    const twin = join(folder, 'undisturbed');
    await cp(place, twin, { recursive: true, preserveTimestamps: true });
    const [run, runTwin] = [await commandFor(place, key), await commandFor(twin, key)];
    const words = ['repository', 'gc', '--grace', '1s', '-o', 'json'];
    const started = performance.now();
    for (let times = 0; times < 2; times++) {
      await delay(1_100);
      const { code, stdout, stderr } = await runTwin(...words).ended;
      expect({ code, stderr: stderr.split('\n').at(-1) }).toEqual({ code: 0, stderr: '' });
      SCHEMAS['repository-gc'].parse(JSON.parse(stdout));
    }
    const duration = (performance.now() - started) / 2 - 1_100;
    for (let kills = 0; kills < KILLS; kills++) {
      const child = run(...words);
      await delay(duration * (0.5 + 0.5 * Math.random()));
      await child.kill('SIGKILL');
      expect(await restoreSeeds(await quickOpen(new FilesystemStore(place), identity), 'even')).toHaveLength(30);
    }
    for (let times = 0; times < 2; times++) {
      await delay(1_100);
      expect((await run(...words).ended).code).toBe(0);
    }
    const packs = (lines: readonly string[]) => lines.filter((line) => line.startsWith('packs/'));
    expect(packs(await dataOf(new FilesystemStore(place)))).toEqual(packs(await dataOf(new FilesystemStore(twin))));
    const reader = await quickOpen(new FilesystemStore(place), identity);
    expect(await restoreSeeds(reader, 'even')).toHaveLength(30);
    expect(await reader.problems()).toEqual([]);
  });

  it('and backups at the same time leave every committed backup restorable', async () => {
    const { place, identity, key } = await makeLocation('together', (repository) => backUpSeeds(repository, 'kept', [1, 2, 3]));
    const run = await commandFor(place, key);
    const end = performance.now() + 12_000;
    const collecting = (async () => {
      const endings = new Set<string>();
      while (performance.now() < end) {
        const { code, stderr } = await run('repository', 'gc', '--grace', '1ms').ended;
        endings.add(code === 0 ? 'done' : `${code}: ${stderr}`);
      }
      return endings;
    })();
    const outcomes = { committed: 0, refused: 0 };
    for (let round = 0; performance.now() < end; round++) {
      const writer = await quickOpen(new FilesystemStore(place), identity);
      const name = `round-${String(round)}`;
      const seeds = [1, round % 3, 10 + (round % 5)];
      const part = await store(writer, seeds);
      await delay(Math.random() * 800);
      const refused = await writer.commit(sampleManifest(name, [part])).then(
        () => undefined,
        (error: unknown) => error as { type: string },
      );
      if (refused) {
        expect(refused.type).toBe('Conflict');
        outcomes.refused += 1;
        continue;
      }
      outcomes.committed += 1;
      const reader = await quickOpen(new FilesystemStore(place), identity);
      expect(await restoreSeeds(reader, name)).toEqual(seeds);
      if (round % 2 === 0) await reader.deleteBackups([name]);
    }
    expect(await collecting).toEqual(new Set(['done']));
    expect(outcomes.committed).toBeGreaterThan(3);
    const reader = await quickOpen(new FilesystemStore(place), identity);
    for (const { manifest } of await reader.backups()) await restoreSeeds(reader, manifest.name);
    expect(await reader.problems()).toEqual([]);
  });
});

describe('the command line', () => {
  it('refuses to delete what is held, and to collect without a grace while others may write', async () => {
    const { place, key } = await makeLocation('cli', async (repository) => {
      await repository.commit(sampleManifest('a', [], { schedule: 'nightly' }));
    });
    const run = await commandFor(place, key);
    expect(await run('backup', 'hold', 'a', '--reason', 'case 4711').ended).toMatchObject({ code: 0, stdout: 'backup "a" held\n' });
    const refused = await run('backup', 'delete', 'a', '--confirm').ended;
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('case 4711') });
    const got = JSON.parse((await run('backup', 'get', '-o', 'json').ended).stdout) as unknown;
    expect(SCHEMAS['backup-get'].parse(got)).toMatchObject({ backups: [{ name: 'a', held: true, holdReason: 'case 4711' }] });
    expect((await run('backup', 'release', 'a').ended).code).toBe(0);
    const deleted = await run('backup', 'delete', 'a', '--confirm').ended;
    expect(deleted).toMatchObject({ code: 0, stderr: expect.stringContaining('last good backup of schedule nightly') });
    expect(await run('repository', 'gc', '--grace', '0s').ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--no-running-backups'),
    });
    expect((await run('repository', 'gc', '--grace', '0s', '--no-running-backups').ended).code).toBe(0);
  });
});

async function openFolder(): Promise<{ readonly place: ObjectStore; readonly dispose: () => Promise<void> }> {
  const path = await mkdtemp(join(folder, 'plain-'));
  return { place: new FilesystemStore(path), dispose: () => Promise.resolve() };
}

async function openS3(): Promise<{ readonly place: ObjectStore; readonly dispose: () => Promise<void> }> {
  const server = await startTestS3();
  const { accessKeyId, secretAccessKey } = server;
  const options = { endpoint: server.endpoint, region: server.region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true };
  const client = new S3Client(options);
  await client.send(new CreateBucketCommand({ Bucket: 'locking', ObjectLockEnabledForBucket: true }));
  client.destroy();
  const place = new S3Store({ bucket: 'locking', prefix: '' }, options);
  const dispose = async () => {
    await place.close();
    await server.stop();
  };
  return { place, dispose };
}
