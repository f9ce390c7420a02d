import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { processIdentity } from '../../sandbox/process-identity.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import type { ToolName } from '../../sandbox/tool-catalogue.ts';
import type { ProgressEvent } from '../../sandbox/tool-progress.ts';
import { fakeGo, fakeTool } from './fake-tools.ts';
import { eventually } from './waiting.ts';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('resolve-and-print.ts', import.meta.url));
const PLATFORM = `${process.platform}-${process.arch}`;
let root: string;
let bin: string;
let onPath: string;
let cache: string;
let environment: Record<string, string>;
let events: ProgressEvent[];

const resolve = (...names: ToolName[]) => resolveTools(names, { environment, progress: (event) => events.push(event) });
const said = () => events.map(({ tool, source, message }) => `${tool}: ${source}: ${message}`);
const goRuns = async () => (await readFile(join(onPath, 'go.log'), 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-resolve-'));
  bin = join(root, 'bin');
  onPath = join(root, 'path');
  cache = join(root, 'cache');
  for (const folder of [bin, onPath]) await mkdir(folder);
  environment = { PATH: `${onPath}:/usr/bin:/bin`, HOME: root, HOLDFAST_BIN: bin, HOLDFAST_CACHE_DIR: cache };
  events = [];
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('resolveTools', () => {
  it('prefers the explicit folder, then PATH, then the cache', async () => {
    const cached = join(cache, 'tools', `etcd-3.7.3-${PLATFORM}`);
    const paths = [await fakeTool(bin, 'etcd'), await fakeTool(onPath, 'etcd', 'etcd Version: 3.7.9'), await fakeTool(cached, 'etcd')];
    for (const path of paths) {
      expect((await resolve('etcd')).get('etcd')).toBe(path);
      await rm(path);
    }
  });

  it('finds every tool for itself', async () => {
    const etcd = await fakeTool(bin, 'etcd');
    const apiServer = await fakeTool(onPath, 'kube-apiserver', 'Kubernetes v1.37.0');
    expect(await resolve('etcd', 'kube-apiserver')).toEqual(
      new Map([
        ['etcd', etcd],
        ['kube-apiserver', apiServer],
      ]),
    );
    expect(said()).toEqual([`kube-apiserver: folder: not in ${bin}`]);
  });

  it('ignores a file on PATH that is not executable, and folders', async () => {
    await writeFile(join(onPath, 'versitygw'), 'text', { mode: 0o644 });
    await mkdir(join(bin, 'versitygw'));
    await fakeGo(onPath);
    expect((await resolve('versitygw')).get('versitygw')).toContain(cache);
  });

  it.each<[ToolName, string, boolean]>([
    ['kube-apiserver', 'Kubernetes v1.37.2', true],
    ['kube-apiserver', 'Kubernetes v1.37.11', true],
    ['kube-apiserver', 'Kubernetes v1.36.4', false],
    ['kube-apiserver', 'Kubernetes v2.37.2', false],
    ['etcd', 'etcd Version: 3.7.0', true],
    ['etcd', 'etcd Version: 3.6.1', false],
    ['etcdctl', 'etcdctl version: 3.7.3', true],
    ['temporal', 'temporal version 1.5.0 (Server 1.29.1, UI 2.42.1)', true],
    ['temporal', 'temporal version 1.9.0 (Server 1.31.0)', true],
    ['temporal', 'temporal version 1.4.1 (Server 1.28.0)', false],
    ['temporal', 'temporal version 2.0.0', false],
    ['temporal', 'temporal version 0.0.0-DEV (Server 1.29.1)', false],
    ['temporal', 'no idea', false],
    ['versitygw', 'Version  : git', true],
  ])('takes %s from PATH when it says "%s": %s', async (name, says, accepted) => {
    const path = await fakeTool(onPath, name, says);
    await fakeGo(onPath);
    const found = (await resolve(name)).get(name);
    expect(found === path).toBe(accepted);
    expect(said().some((line) => line.startsWith(`${name}: PATH: ${path}`))).toBe(!accepted);
  });

  it('builds what it does not find, all tools of a module at once, and finds it in the cache after that', async () => {
    await fakeGo(onPath);
    const first = await resolve('kube-apiserver', 'kube-controller-manager', 'etcd');
    const folder = join(cache, 'tools', `kubernetes-1.37.2-${PLATFORM}`);
    expect(first.get('kube-apiserver')).toBe(join(folder, 'kube-apiserver'));
    expect(first.get('etcd')).toBe(join(cache, 'tools', `etcd-3.7.3-${PLATFORM}`, 'etcd'));
    expect((await stat(join(folder, 'kube-apiserver'))).mode & 0o777).toBe(0o755);
    const runs = await goRuns();
    expect(runs).toHaveLength(2);
    expect(runs[0]).toContain('k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager');
    expect(runs[0]).toContain('-mod=readonly -trimpath');
    expect(await resolve('kube-apiserver', 'kube-controller-manager', 'etcd')).toEqual(first);
    expect(await goRuns()).toHaveLength(2);
    expect((await readdir(folder)).toSorted()).toEqual(['kube-apiserver', 'kube-controller-manager']);
  });

  it('says what it builds and how long that will take', async () => {
    await fakeGo(onPath);
    await resolve('temporal');
    const build = events.find(({ source }) => source === 'go build');
    expect(build).toMatchObject({ tool: 'temporal', message: 'building 1.5.1 from pinned sources, once' });
    expect(build?.remainingMs).toBeGreaterThan(100_000);
  });

  it('says in one line what to install when there is no Go', async () => {
    await expect(resolveTools(['etcd'], { environment: { ...environment, PATH: onPath } })).rejects.toMatchObject({
      type: 'NotFound',
      message: 'etcd 3.7.3 not found, and no Go to build it with',
      advice: expect.stringMatching(/install Go .* HOLDFAST_BIN/),
    });
  });

  it('passes on the last line of a failed build and leaves nothing behind', async () => {
    await fakeGo(onPath, { fails: 'dial tcp: lookup failed' });
    await expect(resolve('etcd')).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'go build of go.etcd.io/etcd/server/v3 failed: dial tcp: lookup failed',
    });
    await fakeGo(onPath);
    await resolve('etcd');
    expect(await readdir(join(cache, 'tools', `etcd-3.7.3-${PLATFORM}`))).toEqual(['etcd']);
  });

  it('builds once for two processes that need the same tools at the same time', async () => {
    await fakeGo(onPath, { seconds: 2 });
    const child = () => run(process.execPath, [CHILD, 'etcd', 'etcdutl'], { env: environment });
    const [first, second] = await Promise.all([child(), child()]);
    expect(JSON.parse(first.stdout)).toHaveProperty('etcd');
    expect(second.stdout).toBe(first.stdout);
    expect(await goRuns()).toHaveLength(1);
  });

  it('ends the build when it is aborted', async () => {
    await fakeGo(onPath, { seconds: 600 });
    const abort = new AbortController();
    const attempt = resolveTools(['etcd'], { environment, signal: abort.signal });
    const rejected = expect(attempt).rejects.toThrow('enough');
    const pid = await goPid();
    abort.abort(new Error('enough'));
    await rejected;
    await eventually(() => processIdentity(pid) === undefined, 2_000);
  });

  it('ends the build when its process is killed with -9, and the next one starts afresh', async () => {
    await fakeGo(onPath, { seconds: 600 });
    const child = spawn(process.execPath, [CHILD, 'etcd'], { env: environment, stdio: 'ignore' });
    const pid = await goPid();
    child.kill('SIGKILL');
    await eventually(() => processIdentity(pid) === undefined, 2_000);
    await fakeGo(onPath);
    await resolve('etcd');
    expect(await readdir(join(cache, 'tools', `etcd-3.7.3-${PLATFORM}`))).toEqual(['etcd']);
  }, 30_000);
});

async function goPid(): Promise<number> {
  const file = join(onPath, 'go.pids');
  await eventually(async () => (await readFile(file, 'utf8').catch(() => '')) !== '', 5_000);
  return Number((await readFile(file, 'utf8')).trim());
}
