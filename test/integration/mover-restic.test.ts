import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureRepository } from '../../movers/ensure-repository.ts';
import { LocalMover } from '../../movers/local-mover.ts';
import type { BackupTask, MoveOptions, RestoreTask, VolumeRepository } from '../../movers/port.ts';
import { volumeRepository } from '../../movers/volume-repository.ts';
import { processIdentity } from '../../sandbox/process-identity.ts';
import { localTrial, type LocalTrial } from '../movers/local-trial.ts';

const quiet: MoveOptions = { signal: new AbortController().signal, onProgress: () => undefined };
const { signal } = quiet;
let trial: LocalTrial;

beforeAll(async () => {
  trial = await localTrial((folder) => {
    const repository = volumeRepository({ place: { scheme: 'file', path: join(folder, 'location') } }, 'uid', 'password-canary');
    return { repository, stored: repository.url };
  });
});

afterAll(async () => {
  await trial.stop();
});

const newId = () => randomBytes(6).toString('hex');
const backup = (path: string, more: Partial<BackupTask> = {}): BackupTask => ({
  id: newId(),
  source: { kind: 'folder', path },
  volumeMode: 'Filesystem',
  repository: trial.repository,
  host: 'shop/data',
  backup: 'nightly',
  ...more,
});
const restore = (path: string, snapshot: string, more: Partial<RestoreTask> = {}): RestoreTask => ({
  id: newId(),
  source: { kind: 'folder', path },
  volumeMode: 'Filesystem',
  repository: trial.repository,
  snapshot,
  path: '/',
  exact: false,
  checksum: false,
  ...more,
});

/** A restic that this test can look into: a script before the real one. */
function scripted(name: string, lines: string): LocalMover {
  const program = join(trial.folder, name);
  writeFileSync(program, `#!/bin/sh\n${lines}\nexec ${trial.restic.program} "$@"\n`, { mode: 0o755 });
  return new LocalMover({
    restic: program,
    scratch: join(trial.folder, `scratch-${name}`),
    root: join(trial.folder, 'volumes'),
    processIdentity,
  });
}

describe('the local mover', () => {
  it('names the files that it could not read, and never calls that complete', async () => {
    const { folder } = await trial.newVolume();
    writeFileSync(join(folder, 'readable'), 'yes');
    writeFileSync(join(folder, 'secret'), 'no', { mode: 0o000 });
    // Somebody who may read neither all files nor everything in a volume.
    chmodSync(trial.folder, 0o755);
    execFileSync('chmod', ['-R', 'a+rwX', join(trial.folder, 'location')]);
    const run = `if [ "$1" = backup ]; then cp ${trial.restic.program} "$TMPDIR/restic"; exec setpriv --reuid=65534 --regid=65534 --clear-groups "$TMPDIR/restic" "$@" --no-cache; fi`;
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = join(trial.folder, 'open');
    mkdirSync(join(trial.folder, 'open'), { mode: 0o777 });
    chmodSync(join(trial.folder, 'open'), 0o777);
    try {
      const moved = await scripted('as-nobody', run).backup(backup(folder), quiet);
      expect(moved).toMatchObject({
        files: 1,
        unread: { count: 1, examples: [expect.stringMatching(/secret.*permission denied/) as unknown] },
      });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  it('gives restic nothing of the environment of the worker but paths', async () => {
    const { folder } = await trial.newVolume();
    writeFileSync(join(folder, 'file'), 'content');
    process.env['WORKER_SECRET'] = 'worker-canary';
    try {
      const seen = join(trial.folder, 'environment');
      await scripted('show-environment', `[ "$1" != backup ] || env >${seen}`).backup(backup(folder), quiet);
      const names = readFileSync(seen, 'utf8')
        .split('\n')
        .flatMap((line) => (/^(\w+)=/.exec(line)?.[1] ? [/^(\w+)=/.exec(line)?.[1]] : []));
      const allowed = [
        'PATH',
        'HOME',
        'TMPDIR',
        'PWD',
        'OLDPWD',
        'SHLVL',
        '_',
        'RESTIC_REPOSITORY',
        'RESTIC_PASSWORD',
        'RESTIC_PROGRESS_FPS',
      ];
      expect(names.filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
    } finally {
      delete process.env['WORKER_SECRET'];
    }
  });

  it('takes the result of a restic that ended while no worker was there, without running it again', async () => {
    const { folder } = await trial.newVolume();
    writeFileSync(join(folder, 'file'), randomBytes(1000));
    const runs = join(trial.folder, 'runs');
    const mover = scripted('count-runs', `[ "$1" != backup ] || { echo run >>${runs}; sleep 1; }`);
    const task = backup(folder);
    // A worker that dies here: its call never gets to an end, because nothing more of it runs.
    const script = `
      import { LocalMover } from '${join(import.meta.dirname, '../../movers/local-mover.ts')}';
      import { processIdentity } from '${join(import.meta.dirname, '../../sandbox/process-identity.ts')}';
      const settings = ${JSON.stringify({ restic: join(trial.folder, 'count-runs'), scratch: join(trial.folder, 'scratch-count-runs'), root: join(trial.folder, 'volumes') })};
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 600);
      await new LocalMover({ ...settings, processIdentity }).backup(${JSON.stringify(task)}, { signal: new AbortController().signal, onProgress() {} });`;
    expect(() => execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' })).toThrow(/Command failed/);
    await delay(4000);
    expect(await mover.backup(task, quiet)).toMatchObject({ files: 1, bytes: 1000 });
    expect(readFileSync(runs, 'utf8')).toBe('run\n');
    expect(readdirSync(join(trial.folder, 'scratch-count-runs', 'tasks'))).toEqual([]);
  });

  it('reaches nothing that is not below its root, whatever links there are', async () => {
    const outside = join(trial.folder, 'outside');
    mkdirSync(outside);
    const { folder } = await trial.newVolume();
    symlinkSync(outside, `${folder}-link`);
    for (const path of [outside, `${folder}-link`, join(folder, '..', '..', 'outside'), '/etc']) {
      expect(trial.mover.reaches({ kind: 'folder', path })).toBe(false);
      await expect(trial.mover.backup(backup(path), quiet)).rejects.toMatchObject({ type: 'Forbidden' });
      await expect(trial.mover.restore(restore(path, 'abc'), quiet)).rejects.toMatchObject({ type: 'Forbidden' });
    }
    expect(trial.mover.reaches({ kind: 'folder', path: folder })).toBe(true);
    expect(trial.mover.reaches({ kind: 'claim', namespace: 'a', claim: 'b', node: '' })).toBe(false);
    expect(readdirSync(outside)).toEqual([]);
  });

  it('puts nothing through a link that the volume holds', async () => {
    const { folder } = await trial.newVolume();
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'folder', 'file'), 'from the backup');
    const { snapshot } = await trial.mover.backup(backup(folder), quiet);
    const outside = join(trial.folder, 'behind-the-link');
    mkdirSync(outside);
    for (const path of ['/', '/folder/file']) {
      rmSync(join(folder, 'folder'), { recursive: true });
      symlinkSync(outside, join(folder, 'folder'));
      await trial.mover.restore(restore(folder, snapshot, { path }), quiet);
      expect(readdirSync(outside)).toEqual([]);
      expect(readFileSync(join(folder, 'folder', 'file'), 'utf8')).toBe('from the backup');
    }
  });

  it('makes the folder of a restore, with the mode and the owner that the volume had', async () => {
    const { folder } = await trial.newVolume();
    chownSync(folder, 999, 998);
    chmodSync(folder, 0o2770);
    const { snapshot } = await trial.mover.backup(backup(folder), quiet);
    const target = join(trial.folder, 'volumes', 'made', 'by', 'restore');
    await trial.mover.restore(restore(target, snapshot), quiet);
    expect(statSync(target)).toMatchObject({ uid: 999, gid: 998, mode: 0o42770 });
  });

  it('moves a block device', async () => {
    const { folder } = await trial.newVolume();
    const content = randomBytes(5_000_000);
    const device = join(folder, 'device');
    writeFileSync(device, content);
    const moved = await trial.mover.backup(backup(device, { volumeMode: 'Block', host: 'shop/block' }), quiet);
    expect(moved).toMatchObject({ files: 1, bytes: content.length });
    writeFileSync(device, randomBytes(5_000_000));
    const restored = await trial.mover.restore(restore(device, moved.snapshot, { volumeMode: 'Block' }), quiet);
    expect(restored).toEqual({ files: 1, bytes: content.length });
    expect(readFileSync(device).equals(content)).toBe(true);
  });

  it('fails when a block device cannot be read to its end', async () => {
    const { folder } = await trial.newVolume();
    mkdirSync(join(folder, 'is-no-device'));
    const task = backup(join(folder, 'is-no-device'), { volumeMode: 'Block', host: 'shop/block' });
    await expect(trial.mover.backup(task, quiet)).rejects.toMatchObject({ name: 'HoldfastError' });
  });
});

describe('the restic repository', () => {
  const repository = (name: string): VolumeRepository => ({ ...trial.repository, url: join(trial.folder, name, 'volumes', 'uid') });

  it('is made once, also by several processes at the same time', async () => {
    const own = repository('race');
    const script = `
      import { ensureRepository } from '${join(import.meta.dirname, '../../movers/ensure-repository.ts')}';
      import { LocalRestic } from '${join(import.meta.dirname, '../../movers/local-restic.ts')}';
      const restic = new LocalRestic(${JSON.stringify({ restic: trial.restic.program, scratch: join(trial.folder, 'race-scratch') })});
      await ensureRepository(restic, ${JSON.stringify(own)}, { signal: new AbortController().signal, patienceMs: 0 });`;
    const run = promisify(execFile);
    await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, ['--input-type=module', '--eval', script])));
    expect(readdirSync(join(own.url, 'keys'))).toHaveLength(1);
    expect(readdirSync(join(own.url, '..'))).toEqual(['uid']);
  });

  it('is waited for by who does not make it, and made when nobody does', async () => {
    const own = repository('patience');
    const started = performance.now();
    await ensureRepository(trial.restic, own, { signal, patienceMs: 1500 });
    expect(performance.now() - started).toBeGreaterThan(1500);
    await ensureRepository(trial.restic, own, { signal, patienceMs: 60_000 });
  });

  it('opens with its password only', async () => {
    const wrong = { ...trial.repository, password: 'other-canary' };
    await expect(ensureRepository(trial.restic, wrong, { signal, patienceMs: 0 })).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.not.stringMatching(/canary|\n/) as unknown,
    });
  });

  it('is missing for a mover that finds none', async () => {
    const { folder } = await trial.newVolume();
    await expect(trial.mover.backup(backup(folder, { repository: repository('missing') }), quiet)).rejects.toMatchObject({
      type: 'NotFound',
    });
  });
});
