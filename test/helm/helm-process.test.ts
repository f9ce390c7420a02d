import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runWatched } from '../../helm/helm-process.ts';

const NEVER = new AbortController().signal;

let folder: string;
let original: string | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-helm-process-'));
  original = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
});
afterAll(async () => {
  if (original === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = original;
  await rm(folder, { recursive: true, force: true });
});

/** A script in place of Helm; $1 is the folder of its files. */
const program = (script: string, files: Readonly<Record<string, string>> = {}) => ({
  program: '/bin/sh',
  files,
  arguments: (place: string) => ['-c', script, 'sh', place],
  environment: { PATH: process.env['PATH'] },
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it never came to be');
    await delay(50);
  }
}

describe('a program that must not outlive us', () => {
  it('gets its files, answers with what it printed and its code, and nothing is left', async () => {
    const ended = await runWatched(program('cat "$1/values"; echo words >&2; exit 3', { values: 'secret' }), NEVER);
    expect(ended).toEqual({ code: 3, stdout: 'secret', stderr: 'words\n' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('is asked to end when the call is given up, and is waited for', async () => {
    const stop = new AbortController();
    const mark = join(folder, 'mark');
    const run = runWatched(program(`trap 'echo asked >${mark}; exit 0' TERM; echo up >${mark}; while :; do sleep 0.1; done`), stop.signal);
    await until(async () => (await readFile(mark, 'utf8').catch(() => '')) === 'up\n');
    stop.abort(new Error('given up'));
    await expect(run).rejects.toThrow('given up');
    expect(await readFile(mark, 'utf8')).toBe('asked\n');
    await rm(mark);
  });

  it('is ended, and its files are gone, when we are killed', async () => {
    const pid = join(folder, 'pid');
    const source = `
      const { runWatched } = await import(${JSON.stringify(new URL('../../helm/helm-process.ts', import.meta.url).href)});
      await runWatched({
        program: '/bin/sh',
        files: { values: 'secret' },
        arguments: () => ['-c', 'echo $$ >${pid}; while :; do sleep 1; done'],
        environment: { PATH: process.env.PATH },
      }, new AbortController().signal);`;
    const worker = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', source], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    await until(async () => /\n/.test(await readFile(pid, 'utf8').catch(() => '')));
    const number = Number(await readFile(pid, 'utf8'));
    expect(await readdir(folder)).toContainEqual(expect.stringContaining('holdfast-helm-'));
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    await until(async () => (await readdir(folder)).every((name) => name === 'pid'));
    await until(() => Promise.resolve(!isAlive(number)));
    await rm(pid);
  }, 60_000);

  it('says in one line that it is not there', async () => {
    const missing = { ...program(''), program: '/nonexistent/helm' };
    await expect(runWatched(missing, NEVER)).rejects.toMatchObject({ type: 'NotFound', message: '/nonexistent/helm cannot be started' });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
