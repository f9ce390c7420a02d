import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { controlPlaneFilesFor, type UnpackedFiles } from '../../../cli/etcd/unpack-control-plane-files.ts';

const LONG = 'a-name-that-does-not-fit-into-the-hundred-bytes-that-a-header-has-for-it-'.repeat(2);
let work: string;
let source: string;
let target: string;

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'holdfast-unpack-'));
  [source, target] = [join(work, 'source'), join(work, 'target')];
  await mkdir(join(source, 'pki', 'etcd'), { recursive: true });
  await mkdir(join(source, 'manifests', LONG), { recursive: true });
  await mkdir(target);
});
afterEach(() => rm(work, { recursive: true, force: true }));

/** What GNU tar makes of the source, or of other words. */
async function tar(...words: readonly string[]): Promise<AsyncIterable<Buffer>> {
  const call = ['-c', '-C', source, '--format=gnu', ...words];
  const { stdout } = await promisify(execFile)('tar', call, { encoding: 'buffer', maxBuffer: 10_000_000 });
  return inPieces(stdout);
}

async function* inPieces(archive: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0; at < archive.length; at += 1000) yield archive.subarray(at, at + 1000);
}

const unpack = async (content: AsyncIterable<Buffer>, folder: string): Promise<UnpackedFiles> =>
  (await controlPlaneFilesFor(folder, content))();

const nothingIn = async (folder: string): Promise<void> => {
  expect(await readdir(folder)).toEqual([]);
};

describe('unpacking control-plane files', () => {
  it('writes every file with its mode, and names what is no file', async () => {
    await writeFile(join(source, 'pki', 'ca.key'), 'key', { mode: 0o600 });
    await writeFile(join(source, 'pki', 'etcd', 'ca.crt'), 'certificate', { mode: 0o644 });
    await writeFile(join(source, 'manifests', LONG, 'pod.yaml'), 'pod', { mode: 0o640 });
    await chmod(join(source, 'pki', 'etcd'), 0o500);
    await symlink('/etc/passwd', join(source, 'pki', 'elsewhere'));
    expect(await unpack(await tar('pki', 'manifests'), target)).toEqual({
      files: [`manifests/${LONG}/pod.yaml`, 'pki/ca.key', 'pki/etcd/ca.crt'],
      leftOut: ['pki/elsewhere'],
    });
    const mode = async (path: string): Promise<number> => (await lstat(join(target, path))).mode & 0o777;
    expect(await readFile(join(target, 'pki', 'ca.key'), 'utf8')).toBe('key');
    expect(await readFile(join(target, 'manifests', LONG, 'pod.yaml'), 'utf8')).toBe('pod');
    const modes = [
      await mode('pki/ca.key'),
      await mode('pki/etcd/ca.crt'),
      await mode(`manifests/${LONG}/pod.yaml`),
      await mode('pki/etcd'),
    ];
    expect(modes).toEqual([0o600, 0o644, 0o640, 0o500]);
    expect(await readdir(join(target, 'pki'))).not.toContain('elsewhere');
  });

  it('writes nothing when one of the files is there', async () => {
    await writeFile(join(source, 'pki', 'ca.key'), 'new');
    await writeFile(join(source, 'manifests', 'etcd.yaml'), 'new');
    await mkdir(join(target, 'manifests'));
    await writeFile(join(target, 'manifests', 'etcd.yaml'), 'old');
    await expect(unpack(await tar('pki', 'manifests'), target)).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(await readFile(join(target, 'manifests', 'etcd.yaml'), 'utf8')).toBe('old');
    expect(await readdir(target)).toEqual(['manifests']);
  });

  it.each([
    ['out of the folder', 's#ca#../../ca#'],
    ['from the root', 's#^pki#/pki#'],
  ])('refuses a path that leads %s', async (_way, transform) => {
    await writeFile(join(source, 'pki', 'ca.key'), 'key');
    const archive = await tar('-P', `--transform=${transform}`, 'pki');
    await expect(unpack(archive, target)).rejects.toMatchObject({ type: 'Forbidden' });
    await nothingIn(target);
  });

  it('writes over nothing that has appeared after it has looked', async () => {
    await writeFile(join(source, 'pki', 'ca.key'), 'new');
    const write = await controlPlaneFilesFor(target, await tar('pki'));
    await mkdir(join(target, 'pki'));
    await writeFile(join(target, 'pki', 'ca.key'), 'old');
    await expect(write()).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(target, 'pki', 'ca.key'), 'utf8')).toBe('old');
  });

  it('goes through no link that is there', async () => {
    const outside = join(work, 'outside');
    await mkdir(outside);
    await symlink(outside, join(target, 'pki'));
    await writeFile(join(source, 'pki', 'ca.key'), 'key');
    await expect(unpack(await tar('pki'), target)).rejects.toMatchObject({ type: 'Forbidden' });
    await nothingIn(outside);
  });

  it('refuses a tar that is cut short', async () => {
    await writeFile(join(source, 'pki', 'ca.key'), 'key');
    const pieces: Buffer[] = [];
    for await (const piece of await tar('pki')) pieces.push(piece);
    const cut = inPieces(Buffer.concat(pieces).subarray(0, 1100));
    await expect(unpack(cut, target)).rejects.toMatchObject({ type: 'Damaged' });
    await nothingIn(target);
  });
});
