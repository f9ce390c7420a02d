import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import type { MovedData, MoveProgress, VolumeSource } from '../../contracts/volume.ts';
import type { BackupTask, Mover, MoveOptions, PutBackEntry, PutBackTask, RestoreTask, VolumeRepository } from '../../movers/port.ts';
import { changeContent, describeContent, makeContent } from '../movers/volume-content.ts';

/** A mover with a place for its volumes and an empty restic repository. */
export interface MoverTrial {
  readonly mover: Mover;
  readonly repository: VolumeRepository;
  /** An empty volume and the folder with its content. */
  newVolume(): Promise<{ readonly source: VolumeSource; readonly folder: string }>;
  /** A mover that knows nothing of what the first one did, as after the death of the worker. */
  newMover(): Mover;
  /** Kills the restic of a task, so that it can do nothing about it. */
  kill(id: string): Promise<void>;
  /** What of movers is there now: processes, pods, Secrets, files with secrets. */
  leftovers(): Promise<readonly string[]>;
  /** Bytes that the repository has. */
  stored(): Promise<number>;
  stop(): Promise<void>;
}

const MB = 1_000_000;
const FILES = 2000;
const BIG = 300 * MB;
const quiet: MoveOptions = { signal: new AbortController().signal, onProgress: () => undefined };

/** Everything that a mover promises, with volumes of all sorts. Wants about five minutes. */
export function moverContract(name: string, start: () => Promise<MoverTrial>): void {
  describe(`mover contract: ${name}`, () => {
    let trial: MoverTrial;
    let volume: Awaited<ReturnType<MoverTrial['newVolume']>>;
    let first: MovedData;
    const newId = () => randomBytes(6).toString('hex');
    const backup = (source: VolumeSource, more: Partial<BackupTask> = {}): BackupTask => {
      const { repository } = trial;
      return { id: newId(), source, volumeMode: 'Filesystem', repository, host: 'shop/data', backup: 'nightly', run: 'run-1', ...more };
    };
    const restore = (source: VolumeSource, snapshot: string, more: Partial<RestoreTask> = {}): RestoreTask => {
      const { repository } = trial;
      return { id: newId(), source, volumeMode: 'Filesystem', repository, snapshot, path: '/', exact: false, checksum: false, ...more };
    };

    const putBack = (source: VolumeSource, entries: readonly PutBackEntry[], more: Partial<PutBackTask> = {}): PutBackTask => {
      return { id: newId(), source, run: 'run-1', entries, ...more };
    };

    beforeAll(async () => {
      trial = await start();
      volume = await trial.newVolume();
      makeContent(volume.folder, FILES);
      first = await trial.mover.backup(backup(volume.source), quiet);
    }, 600_000);

    afterAll(async () => {
      await trial.stop();
    });

    it('counts what it has taken', () => {
      const { files, bytes } = countByLines(describeContent(volume.folder));
      expect(first).toMatchObject({ kind: 'restic', files, bytes });
      expect(first.snapshot).toMatch(/^[0-9a-f]{64}$/);
      expect(first).not.toHaveProperty('unread');
      expect(first.addedBytes).toBeGreaterThan(MB);
    });

    it('brings back all that a file system can hold', async () => {
      const target = await trial.newVolume();
      const restored = await trial.mover.restore(restore(target.source, first.snapshot, { checksum: true }), quiet);
      expect(describeContent(target.folder)).toBe(describeContent(volume.folder));
      expect(restored).toEqual({ files: first.files, bytes: first.bytes });
    });

    it('stores about one part in a hundred when so much has changed, from wherever the volume is mounted', async () => {
      const other = await trial.newVolume();
      await trial.mover.restore(restore(other.source, first.snapshot), quiet);
      changeContent(other.folder);
      const second = await trial.mover.backup(backup(other.source), quiet);
      expect(second.files).toBe(first.files);
      expect(second.addedBytes).toBeGreaterThan(50_000);
      expect(second.addedBytes).toBeLessThan(first.addedBytes * 0.05);
    });

    it('overwrites what differs, and deletes what the snapshot does not have only when it is told to', async () => {
      const target = await trial.newVolume();
      await trial.mover.restore(restore(target.source, first.snapshot), quiet);
      writeFileSync(join(target.folder, 'odd', 'read-only'), 'overwritten');
      rmSync(join(target.folder, 'many', '05'), { recursive: true });
      mkdirSync(join(target.folder, 'extra', 'folder'), { recursive: true });
      writeFileSync(join(target.folder, 'extra', 'file'), 'extra');

      const kept = await trial.mover.restore(restore(target.source, first.snapshot), quiet);
      expect(readFileSync(join(target.folder, 'extra', 'file'), 'utf8')).toBe('extra');
      expect(kept.files).toBe(first.files + 1);

      const exact = await trial.mover.restore(restore(target.source, first.snapshot, { exact: true }), quiet);
      expect(exact).toEqual({ files: first.files, bytes: first.bytes });
      expect(describeContent(target.folder)).toBe(describeContent(volume.folder));
    });

    it('restores one folder, or one file with an odd name, and leaves the rest of the volume alone', async () => {
      const target = await trial.newVolume();
      writeFileSync(join(target.folder, 'mine'), 'mine');
      await trial.mover.restore(restore(target.source, first.snapshot, { path: '/many/07', exact: true }), quiet);
      expect(readdirSync(target.folder).sort()).toEqual(['many', 'mine']);
      expect(describeContent(join(target.folder, 'many', '07'))).toBe(describeContent(join(volume.folder, 'many', '07')));
      expect(readdirSync(join(target.folder, 'many'))).toEqual(['07']);

      const path = '/odd/a*b?[c]\\d';
      const one = await trial.mover.restore(restore(target.source, first.snapshot, { path }), quiet);
      expect(one).toEqual({ files: 1, bytes: 'content of a*b?[c]\\d'.length });
      expect(readdirSync(join(target.folder, 'odd'))).toEqual(['a*b?[c]\\d']);
    });

    it('takes an empty volume, and makes another one empty', async () => {
      const empty = await trial.newVolume();
      const moved = await trial.mover.backup(backup(empty.source, { host: 'shop/empty' }), quiet);
      expect(moved).toMatchObject({ files: 0, folders: 0, bytes: 0 });
      expect(moved).not.toHaveProperty('unread');
      const target = await trial.newVolume();
      writeFileSync(join(target.folder, 'file'), 'not in the backup');
      const restored = await trial.mover.restore(restore(target.source, moved.snapshot, { exact: true }), quiet);
      expect(restored).toEqual({ files: 0, bytes: 0 });
      expect(readdirSync(target.folder)).toEqual([]);
    });

    it.each([
      ['a path that is not in the snapshot', { path: '/odd/nothing' }],
      ['a snapshot that is not there', { snapshot: '0'.repeat(64) }],
    ])('does not find %s', async (_, more) => {
      const target = await trial.newVolume();
      const failure = await failureOf(trial.mover.restore(restore(target.source, first.snapshot, more), quiet));
      expect(failure).toMatchObject({ type: 'NotFound' });
      expect(failure.message).not.toContain('\n');
    });

    it('says in one line that the password is wrong, and does not show it', async () => {
      const password = 'wrong-password-canary';
      const repository = { ...trial.repository, password };
      const failure = await failureOf(trial.mover.backup(backup(volume.source, { repository }), quiet));
      expect(failure).toMatchObject({ type: 'BadInput', message: expect.stringMatching(/password does not open/) as unknown });
      expect(`${failure.message}${failure.advice}`).not.toMatch(/\n|canary/);
      expect(await trial.leftovers()).toEqual([]);
    });

    it('sends nothing again that a killed mover had sent', async () => {
      const big = await trial.newVolume();
      for (let file = 0; file < 30; file += 1) writeFileSync(join(big.folder, `file-${file}`), randomBytes(BIG / 30));
      const task = backup(big.source, { host: 'shop/big' });
      const before = await trial.stored();
      const attempt = settled(trial.newMover().backup(task, quiet));
      await until(async () => (await trial.stored()) > before + 80 * MB);
      await trial.kill(task.id);
      const atKill = (await trial.stored()) - before;
      const outcome = await attempt;
      // A mover in a pod is replaced by the call itself, a local one by the next call.
      const moved = 'value' in outcome ? outcome.value : await trial.newMover().backup(task, quiet);
      expect(moved).toMatchObject({ files: 30, bytes: BIG });
      // What was on its way, and a pack that was not full, may be sent again.
      expect((await trial.stored()) - before).toBeLessThan(BIG + 60 * MB);
      expect(moved.addedBytes).toBeLessThan(BIG - atKill + 60 * MB);
      expect(await trial.leftovers()).toEqual([]);
    });

    it('goes on with the mover of a worker that died, and starts no second one', async () => {
      const big = await trial.newVolume();
      for (let file = 0; file < 10; file += 1) writeFileSync(join(big.folder, `file-${file}`), randomBytes(10 * MB));
      const task = backup(big.source, { host: 'shop/adopted' });
      const before = await trial.stored();
      const both = [trial.newMover().backup(task, quiet), (await delay(1500), trial.newMover().backup(task, quiet))];
      const [one, two] = await Promise.allSettled(both);
      // The first caller may find that the second has taken the result; somebody has it, and nothing was sent twice.
      const results = [one, two].flatMap((each) => (each?.status === 'fulfilled' ? [each.value] : []));
      expect(results[0]).toMatchObject({ files: 10, bytes: 100 * MB });
      expect((await trial.stored()) - before).toBeLessThan(130 * MB);
      expect(await trial.leftovers()).toEqual([]);
    });

    describe('putting back', () => {
      const owner = {
        uid: process.getuid?.() === 0 ? 1234 : process.getuid?.(),
        gid: process.getuid?.() === 0 ? 2345 : process.getgid?.(),
      };

      /** A volume with a folder of somebody else's. */
      async function database(): Promise<Awaited<ReturnType<MoverTrial['newVolume']>>> {
        const made = await trial.newVolume();
        for (const folder of ['db', 'db/log']) {
          mkdirSync(join(made.folder, folder), { mode: 0o700 });
          chownSync(join(made.folder, folder), owner.uid ?? 0, owner.gid ?? 0);
        }
        writeFileSync(join(made.folder, 'db', 'log', '000A'), 'old');
        writeFileSync(join(made.folder, 'db', 'data'), 'data');
        return made;
      }

      it('writes files, unpacks tars over what is there, and takes away what must not be there; twice is as once', async () => {
        const { source, folder } = await database();
        writeFileSync(join(folder, 'db', 'lock'), '1');
        const large = randomBytes(9 * MB);
        const tar = tarOf({ '000A': 'new', '000B': large, 'deep/er/000C': 'deep' });
        const task = putBack(source, [
          { kind: 'file', path: 'db/label', content: 'START WAL\nü\n' },
          { kind: 'file', path: 'db/made/on/the/way', content: '' },
          { kind: 'tar', path: 'db/log', bytes: tar.length, content: () => inChunks(tar) },
          { kind: 'absent', path: 'db/lock' },
          { kind: 'absent', path: 'db/not/there' },
        ]);
        for (let round = 0; round < 2; round += 1) {
          const seen: MoveProgress[] = [];
          await trial.newMover().putBack(task, { ...quiet, onProgress: (progress) => seen.push(progress) });
          expect(readFileSync(join(folder, 'db', 'label'), 'utf8')).toBe('START WAL\nü\n');
          expect(lstatSync(join(folder, 'db', 'label'))).toMatchObject({ mode: 0o100600, ...owner });
          expect(lstatSync(join(folder, 'db', 'made', 'on', 'the', 'way'))).toMatchObject({ mode: 0o100600, size: 0, ...owner });
          expect(lstatSync(join(folder, 'db', 'made', 'on'))).toMatchObject({ mode: 0o40700, ...owner });
          expect(readdirSync(join(folder, 'db')).sort()).toEqual(['data', 'label', 'log', 'made']);
          expect(readFileSync(join(folder, 'db', 'log', '000A'), 'utf8')).toBe('new');
          expect(readFileSync(join(folder, 'db', 'log', '000B')).equals(large)).toBe(true);
          expect(lstatSync(join(folder, 'db', 'log', '000B'))).toMatchObject({ mode: 0o100640, ...owner });
          expect(readFileSync(join(folder, 'db', 'log', 'deep', 'er', '000C'), 'utf8')).toBe('deep');
          expect(lstatSync(join(folder, 'db', 'log', 'deep'))).toMatchObject(owner);
          expect(readdirSync(folder)).toEqual(['db']);
          expect(seen.at(-1)).toMatchObject({ filesDone: 5, filesTotal: 5, bytesDone: tar.length + 'START WAL\nü\n'.length + 1 });
        }
        expect(await trial.leftovers()).toEqual([]);
      });

      it('puts nothing through links: those in its place are replaced, those on the way are refused', async () => {
        const { source, folder } = await database();
        const outside = mkdtempSync(join(tmpdir(), 'holdfast-test-outside-'));
        try {
          writeFileSync(join(outside, 'mine'), 'mine');
          chmodSync(outside, 0o777);
          symlinkSync(outside, join(folder, 'db', 'away'));
          symlinkSync(join(outside, 'mine'), join(folder, 'db', 'label'));
          symlinkSync(join(outside, 'mine'), join(folder, 'db', 'log', '000B'));
          symlinkSync(join(outside, 'mine'), join(folder, 'db', 'lock'));
          const tar = tarOf({ '000B': 'new' });
          const content = () => inChunks(tar);
          await trial.mover.putBack(
            putBack(source, [
              { kind: 'file', path: 'db/label', content: 'label' },
              { kind: 'tar', path: 'db/log', bytes: tar.length, content },
              { kind: 'absent', path: 'db/lock' },
            ]),
            quiet,
          );
          expect(readFileSync(join(folder, 'db', 'label'), 'utf8')).toBe('label');
          expect(readFileSync(join(folder, 'db', 'log', '000B'), 'utf8')).toBe('new');
          expect(existsSync(join(folder, 'db', 'lock'))).toBe(false);
          const through: readonly PutBackEntry[] = [
            { kind: 'file', path: 'db/away/label', content: 'x' },
            { kind: 'tar', path: 'db/away', bytes: tar.length, content },
            { kind: 'absent', path: 'db/away/mine' },
          ];
          for (const entry of through) {
            const failure = await failureOf(trial.mover.putBack(putBack(source, [entry]), quiet));
            expect(failure).toMatchObject({ type: 'Forbidden' });
            expect(failure.message).not.toContain('\n');
          }
          for (const path of ['../x', '/etc/x', 'db/../../x', 'db//x', '']) {
            expect(await failureOf(trial.mover.putBack(putBack(source, [{ kind: 'file', path, content: 'x' }]), quiet))).toMatchObject({
              type: 'BadInput',
            });
          }
          expect(readdirSync(outside)).toEqual(['mine']);
          expect(readFileSync(join(outside, 'mine'), 'utf8')).toBe('mine');
          expect(readdirSync(folder)).toEqual(['db']);
        } finally {
          rmSync(outside, { recursive: true });
        }
        expect(await trial.leftovers()).toEqual([]);
      });

      it('says why when the stream breaks off, ends at once when it is cancelled, and leaves nothing half-made in its place', async () => {
        const { source, folder } = await database();
        const tar = tarOf({ '000B': randomBytes(3 * MB) });
        async function* broken(): AsyncGenerator<Buffer> {
          yield tar.subarray(0, MB);
          await delay(1);
          throw new HoldfastError('Damaged', 'the stream is damaged');
        }
        const failing = putBack(source, [{ kind: 'tar', path: 'db/log', bytes: tar.length, content: broken }]);
        expect(await failureOf(trial.mover.putBack(failing, quiet))).toMatchObject({ type: 'Damaged', message: 'the stream is damaged' });
        expect(readdirSync(join(folder, 'db', 'log'))).toEqual(['000A']);

        const stop = new AbortController();
        const reason = new Error('cancelled by the user');
        async function* endless(): AsyncGenerator<Buffer> {
          yield tar.subarray(0, MB);
          stop.abort(reason);
          await delay(600_000, undefined, { ref: false });
        }
        const cancelled = putBack(source, [{ kind: 'tar', path: 'db/log', bytes: tar.length, content: endless }]);
        expect(await settled(trial.mover.putBack(cancelled, { ...quiet, signal: stop.signal }))).toEqual({ error: reason });
        expect(readdirSync(join(folder, 'db', 'log'))).toEqual(['000A']);
        expect(await trial.leftovers()).toEqual([]);

        // The next attempt of the same task has nothing to do with what was left.
        const again = {
          ...cancelled,
          entries: [{ kind: 'tar' as const, path: 'db/log', bytes: tar.length, content: () => inChunks(tar) }],
        };
        await trial.newMover().putBack(again, quiet);
        expect(readdirSync(folder)).toEqual(['db']);
        expect(readdirSync(join(folder, 'db', 'log')).sort()).toEqual(['000A', '000B']);
      });
    });

    it('says where it stands all the time, keeps secrets out of arguments, and ends at once when it is cancelled', async () => {
      const big = await trial.newVolume();
      for (let file = 0; file < 30; file += 1) writeFileSync(join(big.folder, `file-${file}`), randomBytes(BIG / 30));
      const stop = new AbortController();
      const seen: { readonly at: number; readonly progress: MoveProgress }[] = [];
      const secrets = [
        trial.repository.password,
        ...Object.entries(trial.repository.environment).flatMap(([key, value]) => (key.includes('SECRET') ? [value] : [])),
      ];
      const onProgress = (progress: MoveProgress) => seen.push({ at: performance.now(), progress });
      const before = await trial.stored();
      const started = performance.now();
      const attempt = settled(trial.mover.backup(backup(big.source, { host: 'shop/cancelled' }), { signal: stop.signal, onProgress }));
      await until(async () => {
        const shown = commandLines().filter((line) => secrets.some((secret) => line.includes(secret)));
        expect(shown).toEqual([]);
        return (await trial.stored()) > before + 30 * MB && seen.some(({ progress }) => progress.bytesTotal === BIG);
      });
      const reason = new Error('cancelled by the user');
      const cancelled = performance.now();
      stop.abort(reason);
      expect(await attempt).toEqual({ error: reason });
      expect(performance.now() - cancelled).toBeLessThan(20_000);
      expect(await trial.leftovers()).toEqual([]);
      const gaps = [started, ...seen.map(({ at }) => at)].map((at, index, all) => (all[index + 1] ?? at) - at);
      expect(Math.max(...gaps)).toBeLessThan(3000);
    });
  });
}

function countByLines(lines: string): { readonly files: number; readonly bytes: number } {
  const entries = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly size?: number });
  const sizes = entries.flatMap(({ size }) => (size === undefined ? [] : [size]));
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** A tar as a container's own makes it, with files of mode 0640 that belong to somebody. */
function tarOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-tar-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), content);
      chmodSync(join(folder, path), 0o640);
    }
    return execFileSync('tar', ['-cf', '-', '--owner=77', '--group=88', ...readdirSync(folder)], { cwd: folder, maxBuffer: 1 << 28 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function* inChunks(content: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += 300_000) {
    await delay(0);
    yield content.subarray(from, from + 300_000);
  }
}

function commandLines(): readonly string[] {
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return processes.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  });
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

function settled<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

async function failureOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const outcome = await settled(promise);
  if ('error' in outcome && outcome.error instanceof HoldfastError) return outcome.error;
  throw new Error(`was not refused as foreseen: ${JSON.stringify(outcome)}`, { cause: outcome });
}

async function until(isTrue: () => Promise<boolean>, withinMs = 120_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('has not happened in time');
    await delay(20);
  }
}
