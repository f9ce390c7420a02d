import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clashes, countBelow, placeFiles } from '../../cli/volumes/place-files.ts';

describe('files that are put into their places', () => {
  let folder: string;
  let from: string;
  let to: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-test-place-files-'));
    [from, to] = [join(folder, 'from'), join(folder, 'to')];
    await mkdir(join(from, 'etc', 'deep'), { recursive: true });
    await mkdir(to);
    await writeFile(join(from, 'etc', 'settings'), 'restored');
    await writeFile(join(from, 'etc', 'deep', 'file'), 'deep');
    await symlink('settings', join(from, 'etc', 'link'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const place = (overwrite: boolean) => placeFiles(Buffer.from(from), Buffer.from(to), { overwrite });
  const inTheWay = async (overwrite: boolean) =>
    (await clashes(Buffer.from(from), Buffer.from(to), { overwrite })).map(({ path, why }) => [path.slice(to.length), why.split(',')[0]]);

  it('count as files with their bytes, links and folders not', async () => {
    await link(join(from, 'etc', 'settings'), join(from, 'second name'));
    await writeFile(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0xfe])]), 'no UTF-8');
    expect(await countBelow(Buffer.from(from))).toEqual({ files: 4, bytes: 28 });
  });

  it('join what is there, and leave the rest of it alone', async () => {
    await mkdir(join(to, 'etc', 'deep'), { recursive: true });
    await chmod(join(to, 'etc'), 0o711);
    await writeFile(join(to, 'etc', 'mine'), 'mine');
    await chmod(join(from, 'etc'), 0o500);
    expect(await inTheWay(false)).toEqual([]);
    await place(false);
    expect((await readdir(join(to, 'etc'))).sort()).toEqual(['deep', 'link', 'mine', 'settings']);
    expect(await readFile(join(to, 'etc', 'deep', 'file'), 'utf8')).toBe('deep');
    expect((await stat(join(to, 'etc'))).mode & 0o777).toBe(0o711);
  });

  it('do not replace files, unless told to', async () => {
    await mkdir(join(to, 'etc'));
    await writeFile(join(to, 'etc', 'settings'), 'mine');
    await symlink('/nowhere', join(to, 'etc', 'link'));
    expect((await inTheWay(false)).sort()).toEqual([
      ['/etc/link', 'a symbolic link'],
      ['/etc/settings', 'a file'],
    ]);
    // As when they came after the look.
    await expect(place(false)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await readFile(join(to, 'etc', 'settings'), 'utf8')).toBe('mine');
    expect(await inTheWay(true)).toEqual([]);
    await place(true);
    expect(await readFile(join(to, 'etc', 'settings'), 'utf8')).toBe('restored');
    expect(await readFile(join(to, 'etc', 'link'), 'utf8')).toBe('restored');
  });

  it('never go through a link, nor replace a folder', async () => {
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'outside'), join(to, 'etc'));
    for (const overwrite of [false, true]) {
      expect(await inTheWay(overwrite)).toEqual([['/etc', 'a symbolic link']]);
      await expect(place(overwrite)).rejects.toMatchObject({ type: 'Conflict' });
    }
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    await rm(join(to, 'etc'));
    await mkdir(join(to, 'etc', 'settings'), { recursive: true });
    expect(await inTheWay(true)).toEqual([['/etc/settings', 'a folder']]);
    await expect(place(true)).rejects.toMatchObject({ type: 'Conflict' });
  });
});
