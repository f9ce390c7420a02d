import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPTS = fileURLToPath(new URL('../../scripts/', import.meta.url));
/** Stands for npm: puts the wanted package there and says so, as npm does, or fails. */
const NPM = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
console.log('npm talks');
await new Promise((resolve) => setTimeout(resolve, 300));
if (process.env.NPM_FAILS) process.exit(7);
mkdirSync('node_modules', { recursive: true });
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: process.env.INSTALLED ?? '1.0.0' } } }));
`;
const SCRIPT = `
console.log(JSON.stringify(process.argv.slice(2)));
if (process.env.WAIT) { process.on('SIGTERM', () => process.exit(9)); setTimeout(() => {}, 60_000); console.log('waiting'); }
process.exitCode = Number(process.env.EXIT_CODE ?? 0);
`;
const LOCK = {
  packages: { '': { name: 'x' }, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', optional: true } },
};

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-bootstrap-')));
  await mkdir(join(root, 'scripts'));
  for (const name of ['bootstrap.mjs', 'install-lock.mjs']) await copyFile(join(SCRIPTS, name), join(root, 'scripts', name));
  await writeFile(join(root, 'package-lock.json'), JSON.stringify(LOCK));
  await writeFile(join(root, 'npm.mjs'), NPM);
  await writeFile(join(root, 'script.mjs'), SCRIPT);
  await mkdir(join(root, 'path'));
  await writeFile(join(root, 'path', 'npm'), `#!/bin/sh\nexec ${process.execPath} npm.mjs "$@"\n`);
  await chmod(join(root, 'path', 'npm'), 0o755);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('scripts/bootstrap.mjs', () => {
  it('installs in a fresh clone, once, and keeps stdout for the script', async () => {
    const first = await bootstrap(['a b', '--flag']);
    expect(first).toMatchObject({ code: 0, stdout: '["a b","--flag"]\n' });
    expect(first.stderr).toContain('npm talks');
    const second = await bootstrap([]);
    expect(second).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
    expect(await installs()).toBe(1);
  });

  it('installs again when the lock file has changed', async () => {
    await bootstrap([]);
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: { 'node_modules/a': { version: '1.1.0' } } }));
    await bootstrap([], { INSTALLED: '1.1.0' });
    expect(await installs()).toBe(2);
  });

  it('is content with what somebody has installed by hand', async () => {
    await mkdir(join(root, 'node_modules'));
    await writeFile(
      join(root, 'node_modules', '.package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }),
    );
    expect(await bootstrap([])).toMatchObject({ code: 0, stderr: '' });
    expect(await installs()).toBe(0);
  });

  it('is not content with a package too many or another version', async () => {
    await mkdir(join(root, 'node_modules'));
    for (const packages of [
      { 'node_modules/a': { version: '2.0.0' } },
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } },
    ]) {
      await writeFile(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
      await rm(join(root, 'node_modules', '.holdfast-lock'), { force: true });
      await bootstrap([]);
    }
    expect(await installs()).toBe(2);
  });

  it('installs once for two that start at the same time', async () => {
    const ended = await Promise.all([bootstrap(['1']), bootstrap(['2'])]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    expect(await installs()).toBe(1);
  });

  it('takes over from an install that was killed', async () => {
    const path = lockPath();
    await mkdir(path);
    const old = new Date(Date.now() - 60_000);
    await utimes(path, old, old);
    const ended = await bootstrap([]);
    expect(ended).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(ended.stderr).toContain(`waiting for it (${path})`);
  });

  it('says in one line that npm has failed, and does not run the script', async () => {
    const ended = await bootstrap([], { NPM_FAILS: 'yes' });
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr.trim().split('\n').at(-1)).toBe('bootstrap: npm ci ended with exit code 7: its output above says why');
  });

  it('ends with the exit code of the script, and passes signals on to it', async () => {
    expect(await bootstrap([], { EXIT_CODE: '5' })).toMatchObject({ code: 5 });
    expect(await bootstrap([], { WAIT: 'yes' }, true)).toMatchObject({ code: 9 });
  });
});

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function bootstrap(args: readonly string[], environment: Readonly<Record<string, string>> = {}, terminate = false): Promise<Ended> {
  const env = { PATH: `${join(root, 'path')}:${process.env['PATH'] ?? ''}`, TMPDIR: root, HOLDFAST_NODE: process.execPath, ...environment };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(root, 'scripts', 'bootstrap.mjs'), 'script.mjs', ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: error ? error.code : 0, stdout, stderr });
      },
    );
    if (!terminate) return;
    child.stdout?.on('data', (data: Buffer | string) => {
      if (String(data).includes('waiting')) child.kill('SIGTERM');
    });
  });
}

async function installs(): Promise<number> {
  const log = await readFile(join(root, 'npm.log'), 'utf8').catch(() => '');
  return log.split('\n').filter((line) => line.startsWith('ci ')).length;
}

function lockPath(): string {
  const name = createHash('sha256').update(`${root}/`).digest('hex').slice(0, 16);
  return join(root, `holdfast-install-${name}.lock`);
}
