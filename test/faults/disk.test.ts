import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { checkInvariants } from '../support/invariants.ts';
import { TestPlace, type RunOutcome, type StartedRun } from '../support/place.ts';
import { eachOf, until } from '../support/raw-api.ts';
import { mountDisk, type SmallDisk } from '../support/small-disk.ts';

const NAMESPACE = 'files';
const OBJECTS = 60;
/** Incompressible: together they need more than the small disk has. */
const OBJECT_BYTES = 64 * 1024;
const SMALL_MIB = 2;
const ENLARGED = 'size=32m';
const DEADLINE_MS = 120_000;
const WAITS = /waiting: .*the disk is full; free some space/;

/** Nothing can stand between a worker and its disk, so the disk itself has to fail. */
describe('a folder on a disk', () => {
  let place: TestPlace;
  let expected: Snapshot;
  let disk: SmallDisk;
  let folder: string;
  /** Of the location, which is made anew for each test. */
  let name = '';
  let locations = 0;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await eachOf([...Array(OBJECTS).keys()], 8, (index) =>
      place.api.create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `noise-${String(index)}`, namespace: NAMESPACE },
        data: { noise: randomBytes(OBJECT_BYTES).toString('base64') },
      }),
    );
    expected = await takeSnapshot(place.api, [NAMESPACE]);
    await place.startWorker();
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  beforeEach(async () => {
    locations += 1;
    name = `disk-${String(locations)}`;
    disk = await mountDisk(join(place.folder, name), SMALL_MIB);
    folder = join(disk.folder, 'location');
    await place.addLocation(name, { folder });
  });

  afterEach(() => {
    disk.unmount();
  });

  const backup = async (run: string) => (await place.startBackup(run, { location: name, namespaces: [NAMESPACE] })).outcome();
  const violations = (...runs: readonly RunOutcome<BackupProjectResult>[]) => {
    const captured = Object.fromEntries(runs.map((run) => [run.name, { snapshot: expected }]));
    return checkInvariants({ place, location: name, runs, deadlineMs: DEADLINE_MS, captured });
  };

  /** A backup in the middle, with some of its objects stored: it stays there until something happens to the disk. */
  async function untilFull(run: string): Promise<StartedRun<BackupProjectResult>> {
    const started = await place.startBackup(run, { location: name, namespaces: [NAMESPACE] });
    const told = async () => (await place.run(['backup', 'describe', run, '--location', name])).stdout;
    await until('it says that it waits, and for what', async () => WAITS.test(await told()));
    return started;
  }

  async function nextIsWhole(run: string): Promise<void> {
    const next = await backup(run);
    expect(next).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(await violations(next)).toEqual([]);
  }

  it('that fills up: the backup waits and says for what, goes on once there is space, and restores', async () => {
    const run = await untilFull('full');
    expect((await place.run(['backup', 'logs', 'full', '--location', name])).stdout).toMatch(WAITS);
    expect((await run.handle.describe()).status.name).toBe('RUNNING');
    // Nothing of it is usable, and what could not be written whole is not there.
    expect(await violations()).toEqual([]);
    const follower = place.start(['backup', 'describe', 'full', '--location', name, '--wait']);
    await follower.printed(WAITS);

    disk.remount(ENLARGED);
    const ended = await run.outcome();
    expect(ended).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(await follower.ended).toMatchObject({ code: 0 });
    const restored = await place.restore('from-full', { backup: 'full', location: name, namespaceMapping: { [NAMESPACE]: 'copy' } });
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, verification: { equal: true } } });
    expect(await violations(ended)).toEqual([]);
  });

  it('that fills up and stays so: the backup can be given up, and leaves nothing behind that is listed', async () => {
    const run = await untilFull('hopeless');
    await run.handle.cancel();
    const ended = await run.outcome();
    expect(ended.failure).toBeDefined();
    disk.remount(ENLARGED);
    expect(await violations(ended)).toEqual([]);
    await nextIsWhole('after-hopeless');
  });

  it('that becomes read-only in the middle: the backup ends with the cause, and the next one is whole', async () => {
    const run = await untilFull('read-only');
    disk.remount('ro');
    const ended = await run.outcome();
    expect(ended.failure).toMatchObject({ type: 'Forbidden', message: expect.stringContaining('read-only; mount it for writing') });
    disk.remount(`rw,${ENLARGED}`);
    expect(await violations(ended)).toEqual([]);
    await nextIsWhole('after-read-only');
  });

  it('that is taken away in the middle: the backup ends with the cause, and the next one is whole', async () => {
    const run = await untilFull('taken');
    await rename(folder, `${folder}-hidden`);
    const ended = await run.outcome();
    await rename(`${folder}-hidden`, folder);
    const message = expect.stringContaining('the folder does not exist; mount the disk');
    expect(ended.failure).toMatchObject({ type: 'LocationGone', message });
    disk.remount(ENLARGED);
    expect(await violations(ended)).toEqual([]);
    await nextIsWhole('after-taken');
  });

  it('that is not mounted any more, with its empty folder still there: nothing is taken for a backup', async () => {
    disk.remount(ENLARGED);
    await nextIsWhole('mounted');
    await place.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new' } });
    await rename(folder, `${folder}-hidden`);
    await mkdir(folder);
    // Everything of it is new, so that nothing in the empty folder is missed before the end.
    const ended = await (await place.startBackup('unmounted', { location: name, namespaces: ['new'] })).outcome();
    const message = expect.stringContaining('the repository is not here any more; mount the disk');
    expect(ended.failure).toMatchObject({ type: 'LocationGone', message });
    // Known segments are not there: what those backups need is missed earlier.
    expect((await backup('unmounted-too')).result).toBeUndefined();
    await rm(folder, { recursive: true });
    await rename(`${folder}-hidden`, folder);
    expect(await violations(ended)).toEqual([]);
    await nextIsWhole('mounted-again');
  });
});
