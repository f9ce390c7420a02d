import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decrypter } from 'age-encryption';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { backUp, restore, sampleSegments, textOf } from './samples.ts';

/**
 * A repository that version 1 wrote, with its key. What is asserted here must stay true for ever: a change that breaks it is a new
 * format version.
 */
const FIXTURE = join(import.meta.dirname, 'fixtures', 'v1');
const IDENTITY = (await readFile(join(FIXTURE, 'identity.txt'), 'utf8')).trim();

describe('a repository of format 1', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-golden-'));
    for (const entry of await readdir(join(FIXTURE, 'location'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const from = join(entry.parentPath, entry.name);
      const to = join(root, from.slice(join(FIXTURE, 'location').length));
      await mkdir(dirname(to), { recursive: true });
      await copyFile(from, to);
    }
  });
  afterAll(() => rm(root, { recursive: true }));

  it('stays readable', async () => {
    const repository = await openRepository(new FilesystemStore(root), { identities: [IDENTITY] });
    expect(await repository.problems()).toEqual([]);
    expect((await repository.backups()).map(({ sequence, manifest }) => [sequence, manifest.name])).toEqual([[2, 'golden']]);
    expect(await restore(repository, 'golden')).toEqual(textOf(sampleSegments(42)));
    expect(await repository.readRecord('restore', 'golden')).toEqual({ kind: 'restore', id: 'golden', body: { objects: 3 } });
    const { manifest } = await repository.findBackup('golden');
    expect(await repository.verifyPacks(manifest.parts)).toBe(5);
  });

  it('gets nothing new when the same is backed up again', async () => {
    const repository = await openRepository(new FilesystemStore(root), { identities: [IDENTITY] });
    const batch = repository.startBatch();
    for (const records of sampleSegments(42)) batch.add(records);
    expect(await batch.finish()).toEqual({ newSegments: 0, knownSegments: 4, storedBytes: 0, packs: 0 });
    await backUp(repository, 'later', sampleSegments(42));
    expect(await repository.problems()).toEqual([]);
  });

  it('opens with the script of docs/repository-format.md and nothing of ours', async () => {
    const document = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'repository-format.md'), 'utf8');
    const script = /```js\n(.*?)```/s.exec(document)?.[1] ?? '';
    await writeFile(join(root, 'open.mjs'), script);
    const [keyFile = ''] = await readdir(join(root, 'keys'));
    const decrypter = new Decrypter();
    decrypter.addIdentity(IDENTITY);
    const input = await decrypter.decrypt(await readFile(join(root, 'keys', keyFile)), 'text');
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'open.mjs'), root], { input, encoding: 'utf8', env: {} });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('"name":"golden"');
    for (const record of sampleSegments(42).flat()) expect(stdout).toContain(record.toString());
  });
});
