import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { volumeRepository } from '../../movers/volume-repository.ts';
import { checkLocation } from '../../repository/check/check-location.ts';
import type { CheckReport } from '../../repository/check/report.ts';
import type { Repository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { withVolumes } from '../../workers/check-volumes.ts';
import { newRepository } from '../repository/samples.ts';
import { VolumeLocation } from '../support/volume-location.ts';

describe('check of volumes', () => {
  let folder: string;
  let place: FilesystemStore;
  let identity: string;
  let repository: Repository;
  let volumes: VolumeLocation;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-test-volume-check-'));
    place = new FilesystemStore(folder);
    ({ repository, identity } = await newRepository(place));
    volumes = await VolumeLocation.open(repository, (password) =>
      volumeRepository({ place: { scheme: 'file', path: folder } }, 'cluster-1', password),
    );
  }, 60_000);
  afterEach(async () => {
    volumes.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function check(readDataPercent: number): Promise<CheckReport> {
    const request = { readDataPercent, seed: '00000000', now: Date.now };
    const { report } = await checkLocation(place, { identities: [identity] }, request);
    return withVolumes(report, { repository, open: () => Promise.resolve(volumes.archive) }, request);
  }

  const volumeFindings = ({ findings }: CheckReport) => findings.filter(({ code }) => code.startsWith('Volume'));

  it('finds nothing where there is nothing', async () => {
    expect(volumeFindings(await check(100))).toEqual([]);
    volumes.change(100_000);
    await volumes.backUp('a');
    const report = await check(100);
    expect(volumeFindings(report)).toEqual([]);
    expect(report.backups).toMatchObject([{ name: 'a', affectedObjects: 0 }]);
  }, 60_000);

  it('names the backups and volumes whose snapshot is gone', async () => {
    volumes.change(100_000);
    const a = await volumes.backUp('a');
    await volumes.backUp('b');
    await rm(join(folder, 'volumes', 'cluster-1', 'snapshots', a.snapshot), { force: true });
    const report = await check(0);
    expect(report.state).toBe('damaged');
    expect(volumeFindings(report)).toMatchObject([
      {
        severity: 'data',
        code: 'VolumeDataMissing',
        message: 'backup a: the data of volume shop/data is gone',
        key: expect.stringContaining(a.snapshot),
      },
    ]);
    const [one, two] = report.backups;
    expect(one?.affected.at(-1)).toMatchObject({
      kind: 'PersistentVolumeClaim',
      namespace: 'shop',
      reason: expect.stringContaining('data is gone'),
    });
    expect(one?.affectedObjects).toBe((two?.affectedObjects ?? 0) + 1);
  }, 60_000);

  it('reads the content only when it is told to, and finds what has changed in it', async () => {
    volumes.change(100_000);
    await volumes.backUp('a');
    const data = join(folder, 'volumes', 'cluster-1', 'data');
    for (const name of await readdir(data, { recursive: true })) {
      const path = join(data, name);
      if (!(await stat(path)).isFile() || (await stat(path)).size < 50_000) continue;
      const content = await readFile(path);
      content[500] = 255 - (content[500] ?? 0);
      await chmod(path, 0o600);
      await writeFile(path, content);
    }
    expect(volumeFindings(await check(0))).toEqual([]);
    expect(volumeFindings(await check(100))).toMatchObject([
      { severity: 'data', code: 'VolumeDataDamaged', message: expect.stringContaining('cluster-1') },
    ]);
  }, 60_000);
});
