import { link, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { ByteRange } from '../../storage/object-store.ts';
import { collect } from '../support/collect.ts';
import { SeededSource } from '../support/large-source.ts';

describe('a folder as a store', () => {
  let base: string;
  let root: string;
  let store: FilesystemStore;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'holdfast-folder-'));
    root = join(base, 'location');
    store = new FilesystemStore(root);
    await store.prepare();
  });
  afterEach(() => rm(base, { recursive: true, force: true }));
  const list = async (prefix = '') => (await collect(store.list(prefix))).map(({ key }) => key);

  it('leaves no temporary file, neither after success nor after failure', async () => {
    await store.create('a/b', Buffer.from('1'));
    await expect(store.create('a/b', Buffer.from('2'))).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(await readdir(join(root, 'a'))).toEqual(['b']);
  });

  it('never shows the temporary files of a writer that was killed, nor files that are not objects', async () => {
    await store.create('a/b', Buffer.from('1'));
    await writeFile(join(root, 'a', '.tmp-123-abc'), 'half');
    await writeFile(join(root, 'README.txt'), 'a note of the user');
    await mkdir(join(root, 'lost+found'));
    expect(await list()).toEqual(['a/b']);
  });

  it('says that a folder which vanished is gone, in every method, and does not make it anew', async () => {
    await store.create('a/b', Buffer.from('1'));
    await rename(root, join(base, 'elsewhere'));
    const gone = { type: 'LocationGone' };
    await expect(list()).rejects.toMatchObject(gone);
    await expect(list('a/')).rejects.toMatchObject(gone);
    await expect(store.read('a/b')).rejects.toMatchObject(gone);
    await expect(store.stat('a/b')).rejects.toMatchObject(gone);
    await expect(store.delete('a/b')).rejects.toMatchObject(gone);
    await expect(store.create('a/c', Buffer.from('2'))).rejects.toMatchObject(gone);
    expect(await readdir(base)).toEqual(['elsewhere']);
  });

  it('does not follow links out of the folder', async () => {
    await mkdir(join(base, 'outside'));
    await writeFile(join(base, 'outside', 'secret'), 'secret');
    await symlink(join(base, 'outside'), join(root, 'packs'));
    await symlink(join(base, 'outside', 'secret'), join(root, 'file'));
    await expect(store.read('packs/secret')).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(store.stat('packs/secret')).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(store.delete('packs/secret')).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(store.create('packs/new', Buffer.from('x'))).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(list('packs/')).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(store.read('file')).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(store.stat('file')).rejects.toMatchObject({ type: 'Forbidden' });
    expect(await list()).toEqual([]);
    expect(await readdir(join(base, 'outside'))).toEqual(['secret']);
  });

  it('trusts no byte of an unfinished file, and leaves none behind', async () => {
    const source = new SeededSource('unfinished', 20 * 1024 * 1024);
    const read = (range: ByteRange) => (range.offset > 0 ? Promise.reject(new Error('gone')) : source.read(range));
    await expect(store.createLarge('a/b', { sizeBytes: source.sizeBytes, fingerprint: source.fingerprint, read })).rejects.toThrow('gone');
    const [name = ''] = await readdir(join(root, 'a'));
    expect(await list()).toEqual([]);
    // As after a loss of power: as long as it was to be, or longer, and never written to the disk.
    await writeFile(join(root, 'a', name), Buffer.alloc(source.sizeBytes + 10));
    await writeFile(join(root, 'a', '.tmp-1-0123456789abcdef'), 'of a writer that was killed long ago');
    await utimes(join(root, 'a', '.tmp-1-0123456789abcdef'), 1, 1);
    await store.createLarge('a/b', source);
    expect((await store.read('a/b')).equals(await source.read({ offset: 0, length: source.sizeBytes }))).toBe(true);
    expect(await readdir(join(root, 'a'))).toEqual(['b']);
    // A writer that was killed after it had finished the object.
    await link(join(root, 'a', 'b'), join(root, 'a', name));
    await expect(store.createLarge('a/b', source)).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(await readdir(join(root, 'a'))).toEqual(['b']);
  });

  it('does not make objects inside objects', async () => {
    await store.create('a', Buffer.from('1'));
    await expect(store.create('a/b', Buffer.from('2'))).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('refuses to be prepared on a file', async () => {
    await writeFile(join(base, 'file'), '');
    await expect(new FilesystemStore(join(base, 'file')).prepare()).rejects.toMatchObject({ name: 'HoldfastError' });
  });

  it('calls a disk without space unavailable, and tells the user', async () => {
    const full = new FilesystemStore(root, { link: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) });
    await expect(full.create('a/x', Buffer.from('1'))).rejects.toMatchObject({ type: 'Unavailable', advice: 'free some space' });
    expect(await list()).toEqual([]);
  });
});
