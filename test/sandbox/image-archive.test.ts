import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildImage, copyInto, type Image } from '../../sandbox/node/image-archive.ts';

let folder: string;
const image = (fill: Image['fill']): Image => ({
  name: 'test/image:1',
  entrypoint: ['/bin/start'],
  environment: { PATH: '/bin' },
  user: '999:999',
  fill,
});
const fill = async (root: string) => {
  await mkdir(join(root, 'bin'));
  await writeFile(join(root, 'bin', 'start'), '#!/bin/sh\n');
  await chmod(join(root, 'bin', 'start'), 0o755);
  await symlink('start', join(root, 'bin', 'link'));
};

async function build(what: Image): Promise<string> {
  return buildImage(what, await mkdtemp(join(folder, 'build-')));
}
const member = (archive: string, name: string) =>
  execFileSync('tar', ['--extract', '--to-stdout', `--file=${archive}`, name], { maxBuffer: 1e8 });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-image-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('buildImage', () => {
  it('packs a layer with its digest, a configuration and a manifest that names both', async () => {
    const archive = await build(image(fill));
    const layer = member(archive, 'layer.tar');
    expect(JSON.parse(member(archive, 'manifest.json').toString())).toEqual([
      { Config: 'config.json', RepoTags: ['docker.io/test/image:1'], Layers: ['layer.tar'] },
    ]);
    expect(JSON.parse(member(archive, 'config.json').toString())).toMatchObject({
      os: 'linux',
      config: { Entrypoint: ['/bin/start'], Env: ['PATH=/bin'], User: '999:999', WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
    });
  });

  it('keeps modes and links', async () => {
    const archive = await build(image(fill));
    const listing = execFileSync('tar', ['--list', '--verbose'], { input: member(archive, 'layer.tar'), encoding: 'utf8' });
    expect(listing).toMatch(/-rwxr-xr-x .* \.\/bin\/start$/m);
    expect(listing).toMatch(/ \.\/bin\/link -> start$/m);
  });

  it('makes the same image of the same files, whenever they were written', async () => {
    const first = await readFile(await build(image(fill)));
    const later = image(async (root) => {
      await fill(root);
      await utimes(join(root, 'bin', 'start'), 1, 1);
    });
    expect((await readFile(await build(later))).equals(first)).toBe(true);
    const other = image(async (root) => {
      await fill(root);
      await writeFile(join(root, 'more'), '');
    });
    expect((await readFile(await build(other))).equals(first)).toBe(false);
  });
});

describe('copyInto', () => {
  it('puts a file under its own path or another one, with its mode, and what a link leads to', async () => {
    await writeFile(join(folder, 'program'), 'content');
    await chmod(join(folder, 'program'), 0o750);
    await symlink('program', join(folder, 'link'));
    const root = join(folder, 'root');
    await copyInto(root, join(folder, 'link'));
    await copyInto(root, join(folder, 'program'), '/usr/bin/program');
    expect(await readFile(join(root, folder, 'link'), 'utf8')).toBe('content');
    expect(execFileSync('stat', ['--format=%A', join(root, 'usr/bin/program')], { encoding: 'utf8' })).toBe('-rwxr-x---\n');
  });
});
