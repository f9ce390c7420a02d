import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ResticArchive } from '../../movers/restic-archive.ts';
import type { ArchivedFile, UpkeepCall, VolumeArchive } from '../../movers/volume-archive.ts';
import type { LocalTrial } from '../movers/local-trial.ts';
import { treeOf } from '../support/file-tree.ts';
import { until } from '../support/raw-api.ts';

const MIB = 1024 * 1024;
const signal = AbortSignal.timeout(600_000);
const upkeep: UpkeepCall = { signal, patienceMs: 30_000, onProgress: () => undefined };

/** Everything that the port to a restic repository promises, against restic itself. */
export function volumeArchiveContract(name: string, start: () => Promise<LocalTrial>): void {
  describe(`volume archive: ${name}`, () => {
    let trial: LocalTrial;
    let archive: VolumeArchive;
    let folder: string;
    let first: string;
    let second: string;

    const capture = async (backup: string): Promise<string> => {
      const task = { id: randomBytes(6).toString('hex'), source: { kind: 'folder', path: folder }, volumeMode: 'Filesystem' } as const;
      const options = { signal, onProgress: () => undefined };
      const moved = await trial.mover.backup({ ...task, repository: trial.repository, host: 'shop/data', backup }, options);
      return moved.snapshot;
    };
    const list = async (snapshot: string, path: string, recursive = false): Promise<readonly ArchivedFile[]> => {
      const files: ArchivedFile[] = [];
      await archive.list({ snapshot, path }, { signal, recursive, onFile: (file) => void files.push(file) });
      return files;
    };
    const read = async (snapshot: string, path: string): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      await archive.read({ snapshot, path }, { signal, onData: (chunk) => void chunks.push(chunk) });
      return Buffer.concat(chunks);
    };
    const restored = async (snapshot: string, paths: readonly string[]) => {
      const to = mkdtempSync(join(tmpdir(), 'holdfast-test-archive-'));
      try {
        await archive.restore({ snapshot, paths, folder: to }, { signal, onProgress: () => undefined });
        return await treeOf(to);
      } finally {
        rmSync(to, { recursive: true });
      }
    };

    beforeAll(async () => {
      trial = await start();
      archive = new ResticArchive(trial.restic, trial.repository);
      ({ folder } = await trial.newVolume());
      mkdirSync(join(folder, 'etc', 'deep'), { recursive: true });
      writeFileSync(join(folder, 'etc', 'settings'), 'colour: red\n');
      chmodSync(join(folder, 'etc', 'settings'), 0o4750);
      writeFileSync(join(folder, 'etc', 'odd [*] name\nsecond line'), 'odd');
      symlinkSync('../large', join(folder, 'etc', 'link'));
      writeFileSync(join(folder, 'large'), randomBytes(20 * MIB));
      utimesSync(join(folder, 'large'), 1_000_000_000, 1_000_000_000);
      first = await capture('one');
      writeFileSync(join(folder, 'large'), randomBytes(10 * MIB));
      second = await capture('two');
    }, 300_000);

    afterAll(() => trial.stop());

    it('names the snapshots that movers have made, and no others', async () => {
      const { restic, repository } = trial;
      await restic.run(repository, ['backup', '--host', 'somebody', '--stdin-from-command', '--', 'echo', 'else'], { signal });
      const found = await archive.snapshots({ signal });
      expect(found.map(({ id, host, backup }) => ({ id, host, backup }))).toEqual([
        { id: first, host: 'shop/data', backup: 'one' },
        { id: second, host: 'shop/data', backup: 'two' },
      ]);
      for (const { time } of found) expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(600_000);
    }, 60_000);

    it('lists one folder, with everything that is known of each file', async () => {
      expect((await list(first, '/')).map(({ path, type }) => [path, type])).toEqual([
        ['/etc', 'dir'],
        ['/large', 'file'],
      ]);
      const [deep, link, odd, settings] = await list(first, '/etc');
      expect(deep).toMatchObject({ path: '/etc/deep', type: 'dir', mode: 'drwxr-xr-x', size: 0 });
      expect(link).toMatchObject({ path: '/etc/link', type: 'symlink', target: '../large', size: 0 });
      expect(odd).toMatchObject({ path: '/etc/odd [*] name\nsecond line', size: 3 });
      expect(settings).toMatchObject({ path: '/etc/settings', mode: '-rwsr-x---', uid: process.getuid?.(), size: 12 });
      expect(await list(first, '/large')).toMatchObject([{ size: 20 * MIB, modifiedAt: '2001-09-09T01:46:40.000Z' }]);
      expect(await list(first, '/etc/link')).toMatchObject([{ target: '../large' }]);
      expect(await list(first, '/etc/deep')).toEqual([]);
    }, 60_000);

    it('lists everything below a folder, in the order of paths', async () => {
      const paths = (await list(first, '/', true)).map(({ path }) => path);
      expect(paths).toEqual(['/etc', '/etc/deep', '/etc/link', '/etc/odd [*] name\nsecond line', '/etc/settings', '/large']);
      expect((await list(first, '/etc', true)).map(({ path }) => path)).toEqual(paths.slice(1, -1));
    }, 60_000);

    it('shows nothing of an empty volume', async () => {
      const before = folder;
      ({ folder } = await trial.newVolume());
      expect(await list(await capture('empty'), '/')).toEqual([]);
      folder = before;
    }, 60_000);

    it('says that a path or a snapshot is not there', async () => {
      for (const path of ['/nothing', '/large/below', '/etc/settings2']) {
        await expect(list(first, path)).rejects.toMatchObject({ type: 'NotFound', message: expect.stringContaining(path) });
        await expect(read(first, path)).rejects.toMatchObject({ type: 'NotFound' });
      }
      await expect(list('f'.repeat(64), '/')).rejects.toMatchObject({ type: 'NotFound' });
    }, 60_000);

    it('reads a file piece by piece, and nothing but files', async () => {
      expect((await read(second, '/large')).equals(readFileSync(join(folder, 'large')))).toBe(true);
      expect((await read(first, '/etc/odd [*] name\nsecond line')).toString()).toBe('odd');
      for (const path of ['/', '/etc', '/etc/link']) await expect(read(first, path)).rejects.toMatchObject({ type: 'BadInput' });
    }, 60_000);

    it('waits for a slow reader, and ends with one that cannot take more', async () => {
      const full = new Error('the disk is full');
      let pieces = 0;
      const onData = () => {
        pieces += 1;
        return Promise.reject(full);
      };
      await expect(archive.read({ snapshot: first, path: '/large' }, { signal, onData })).rejects.toBe(full);
      expect(pieces).toBe(1);
      expect(await trial.leftovers()).toEqual([]);
    }, 60_000);

    it('restores parts with all that belongs to them', async () => {
      const original = await treeOf(folder);
      const found = await restored(second, ['/etc/settings', '/etc/odd [*] name\nsecond line']);
      for (const path of ['etc/settings', 'etc/odd [*] name\nsecond line']) expect(found[path]).toBe(original[path]);
      expect(Object.keys(found).sort()).toEqual(['etc', 'etc/odd [*] name\nsecond line', 'etc/settings']);
      expect(await restored(second, [])).toEqual(original);
    }, 60_000);

    it('ends restic when it is cancelled', async () => {
      const stop = new AbortController();
      const reason = new Error('enough');
      const call = archive.read(
        { snapshot: first, path: '/large' },
        {
          signal: stop.signal,
          onData: () => {
            stop.abort(reason);
          },
        },
      );
      await expect(call).rejects.toBe(reason);
      expect(await trial.leftovers()).toEqual([]);
    }, 60_000);

    it('waits for movers, then says so, and goes on when they are done', async () => {
      const { restic, repository } = trial;
      const environment = {
        ...process.env,
        ...repository.environment,
        RESTIC_REPOSITORY: repository.url,
        RESTIC_PASSWORD: repository.password,
      };
      const options = Object.entries(repository.options ?? {}).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
      const slow = ['backup', ...options, '--host', 'other/claim', '--stdin-from-command', '--', 'sleep', '600'];
      const child = spawn(restic.program, slow, { env: environment, stdio: 'ignore', detached: true });
      const ended = once(child, 'exit');
      try {
        await until('the lock is there', async () => {
          const { output } = await restic.run(repository, ['list', 'locks', '--no-lock', ...options], { signal });
          return output.lastWords.length === 64;
        });
        const steps: string[] = [];
        const busy = { ...upkeep, patienceMs: 1_500, onProgress: ({ step }: { readonly step: string }) => void steps.push(step) };
        await expect(archive.prune({ ...busy, repack: true })).rejects.toMatchObject({
          type: 'Unavailable',
          message: expect.stringContaining('movers are at work'),
        });
        expect(steps.join('\n')).toContain('waiting for movers');
        const waiting = archive.prune({ ...upkeep, repack: true });
        process.kill(-(child.pid ?? 0), 'SIGKILL');
        await ended;
        await waiting;
      } finally {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
      }
    }, 120_000);

    it('frees what only forgotten snapshots needed, and nothing else', async () => {
      const both = await archive.storedBytes([first, second], { signal });
      const one = await archive.storedBytes([second], { signal });
      expect(both - one).toBeGreaterThan(19 * MIB);
      expect(await archive.storedBytes([], { signal })).toBe(0);
      const before = await trial.stored();
      await archive.forget([first], upkeep);
      await archive.forget([first, 'e'.repeat(64)], upkeep);
      await archive.prune({ ...upkeep, repack: true });
      expect(before - (await trial.stored())).toBeGreaterThan(19 * MIB);
      expect((await archive.snapshots({ signal })).map(({ id }) => id)).not.toContain(first);
      await archive.check({ signal, readPercent: 100 });
      expect(await restored(second, [])).toEqual(await treeOf(folder));
    }, 120_000);

    it('refuses to forget by anything but a whole id', async () => {
      await expect(archive.forget(['latest'], upkeep)).rejects.toMatchObject({ type: 'BadInput' });
    });

    it('finds damage, and says who cannot open it', async () => {
      const wrong = new ResticArchive(trial.restic, { ...trial.repository, password: 'wrong-canary' });
      await expect(wrong.snapshots({ signal })).rejects.toMatchObject({ type: 'BadInput', message: expect.not.stringContaining('canary') });
      const { storedIn } = trial;
      const pack = execFileSync('sh', ['-c', `find '${storedIn}' -path '*/data/*' -type f -size +1M | head -n 1`], {
        encoding: 'utf8',
      }).trim();
      const content = readFileSync(pack);
      content[1000] = 255 - (content[1000] ?? 0);
      chmodSync(pack, 0o600);
      writeFileSync(pack, content);
      await expect(archive.check({ signal, readPercent: 100 })).rejects.toMatchObject({ type: 'Damaged' });
    }, 120_000);
  });
}
