import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { upSandbox } from '../../sandbox/control-plane.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { downSandbox, listSandboxes, sandboxStatus } from '../../sandbox/sandbox-status.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { startTemporal, stopTemporal, temporalStatus } from '../../sandbox/temporal-server.ts';
import { kubeconfigRequest } from '../support/kubeconfig-request.ts';
import { startTestS3 } from '../support/sandbox-env.ts';
import { eventually } from '../sandbox/waiting.ts';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(`../sandbox/${name}`, import.meta.url));
let state: string;

/** Processes that have our folder in their command line, whatever they are. */
async function processesLeft(): Promise<readonly string[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,args=', '-ww'], { maxBuffer: 10_000_000 });
  return stdout.split('\n').filter((line) => line.includes(state));
}

const get = (sandbox: Sandbox, path: string) => kubeconfigRequest(sandbox.kubeconfigPath, { path });
const createNamespace = (sandbox: Sandbox, name: string) =>
  kubeconfigRequest(sandbox.kubeconfigPath, { method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } });

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'holdfast-sandbox-'));
});

afterEach(async () => {
  for (const { name } of await listSandboxes(state)) await downSandbox({ name, state, purge: true });
  await stopTemporal(join(state, 'temporal'));
  expect(await processesLeft()).toEqual([]);
  await rm(state, { recursive: true, force: true });
}, 60_000);

describe('a sandbox', () => {
  it('is a working control plane for its admin and nobody else', async () => {
    const sandbox = await upSandbox({ name: 'one', state });
    expect((await stat(sandbox.kubeconfigPath)).mode & 0o777).toBe(0o600);
    expect((await get(sandbox, '/version')).body).toMatchObject({ gitVersion: expect.stringMatching(/^v1\.37\./) });
    expect((await kubeconfigRequest(sandbox.kubeconfigPath, { path: '/api', anonymous: true })).status).toBe(401);
    const self = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const review = await kubeconfigRequest(sandbox.kubeconfigPath, {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: self,
    });
    expect(review.body).toMatchObject({
      status: { userInfo: { username: 'holdfast-admin', groups: expect.arrayContaining(['system:masters']) } },
    });
  }, 120_000);

  it('gives every namespace its service account, and binds and collects as a cluster does', async () => {
    const sandbox = await upSandbox({ name: 'one', state });
    expect((await createNamespace(sandbox, 'shop')).status).toBe(201);
    await eventually(async () => (await get(sandbox, '/api/v1/namespaces/shop/serviceaccounts/default')).status === 200, 10_000);
    await kubeconfigRequest(sandbox.kubeconfigPath, { method: 'DELETE', path: '/api/v1/namespaces/shop' });
    await eventually(async () => (await get(sandbox, '/api/v1/namespaces/shop')).status === 404, 30_000);
  }, 120_000);

  it('is joined when it runs, kept when it stops, and starts again in seconds at the same address', async () => {
    const first = await upSandbox({ name: 'one', state });
    await createNamespace(first, 'kept');
    const joinedAt = performance.now();
    expect(await upSandbox({ name: 'one', state })).toEqual(first);
    expect(performance.now() - joinedAt).toBeLessThan(2_000);
    await downSandbox({ name: 'one', state, purge: false });
    expect(await processesLeft()).toEqual([]);
    expect((await sandboxStatus({ name: 'one', state })).state).toBe('stopped');
    const againAt = performance.now();
    const again = await upSandbox({ name: 'one', state });
    expect(performance.now() - againAt).toBeLessThan(10_000);
    expect(again).toEqual(first);
    expect((await get(again, '/api/v1/namespaces/kept')).status).toBe(200);
  }, 120_000);

  it('lives beside another one and knows nothing of it', async () => {
    const [one, two] = await Promise.all([upSandbox({ name: 'one', state }), upSandbox({ name: 'two', state })]);
    await createNamespace(one, 'mine');
    expect((await get(two, '/api/v1/namespaces/mine')).status).toBe(404);
    expect((await listSandboxes(state)).map(({ name, state: now }) => [name, now])).toEqual([
      ['one', 'running'],
      ['two', 'running'],
    ]);
    await downSandbox({ name: 'one', state, purge: true });
    expect((await get(two, '/readyz')).status).toBe(200);
    expect((await listSandboxes(state)).map(({ name }) => name)).toEqual(['two']);
  }, 180_000);

  it.each(['etcd', 'kube-apiserver', 'kube-controller-manager'])(
    'leaves nothing running when its starter is killed with -9 as %s starts',
    async (server) => {
      const child = spawn(process.execPath, [script('up-and-exit.ts'), 'one', state], { stdio: ['ignore', 'pipe', 'inherit'] });
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.includes(`"tool":"${server}"`) && line.includes('starting')) break;
      }
      await eventually(async () => (await processesLeft()).some((line) => !line.includes('up-and-exit') && line.includes(server)), 10_000);
      child.kill('SIGKILL');
      await eventually(async () => (await processesLeft()).length === 0, 15_000);
      const sandbox = await upSandbox({ name: 'one', state });
      expect((await get(sandbox, '/readyz')).status).toBe(200);
    },
    180_000,
  );

  it('survives the process that brought it up, and two that do so at once make one', async () => {
    const up = () => run(process.execPath, [script('up-and-exit.ts'), 'one', state]);
    const results = await Promise.all([up(), up()]);
    const [first, second] = results.map(({ stdout }) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Sandbox);
    expect(first).toEqual(second);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await get(first!, '/readyz')).status).toBe(200);
    expect((await processesLeft()).filter((line) => line.includes('/etcd ') && !line.includes('keeper.sh'))).toHaveLength(1);
  }, 120_000);

  it('starts after a crash of the whole machine, and mends itself when one server is gone', async () => {
    const first = await upSandbox({ name: 'one', state });
    for (const line of await processesLeft()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
    await eventually(async () => (await processesLeft()).length === 0, 5_000);
    expect(await upSandbox({ name: 'one', state })).toEqual(first);
    const { servers } = await sandboxStatus({ name: 'one', state });
    process.kill(servers.find(({ name }) => name === 'kube-controller-manager')?.pid ?? 0, 'SIGKILL');
    await eventually(async () => (await sandboxStatus({ name: 'one', state })).state === 'broken', 5_000);
    await upSandbox({ name: 'one', state });
    expect((await sandboxStatus({ name: 'one', state })).state).toBe('running');
  }, 180_000);

  it('comes with a Temporal server when asked, and both end with it', async () => {
    const sandbox = await upSandbox({ name: 'one', state, withTemporal: true });
    expect(sandbox.temporalAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await fetch(sandbox.temporalUi ?? '')).status).toBe(200);
    expect(await upSandbox({ name: 'one', state })).toEqual(sandbox);
    await downSandbox({ name: 'one', state, purge: false });
    expect(await processesLeft()).toEqual([]);
  }, 120_000);

  it('that is not there is not found', async () => {
    await expect(sandboxStatus({ name: 'none', state })).rejects.toMatchObject({ type: 'NotFound' });
    await expect(downSandbox({ name: 'none', state, purge: true })).rejects.toMatchObject({ type: 'NotFound' });
  });
});

describe('the Temporal server of a folder', () => {
  it('is shared by processes, and goes with the last of them even by kill -9', async () => {
    const folder = join(state, 'temporal');
    const users = await Promise.all(
      [0, 1].map(async () => {
        const child = spawn(process.execPath, [script('use-temporal.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
        const [address] = (await once(child.stdout, 'data')) as [Buffer];
        return { child, address: address.toString() };
      }),
    );
    expect(users[0]?.address).toBe(users[1]?.address);
    expect((await processesLeft()).filter((line) => line.includes('start-dev') && !line.includes('keeper.sh'))).toHaveLength(1);
    users[0]?.child.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await temporalStatus(folder)).toEqual({ address: users[1]?.address });
    users[1]?.child.kill('SIGKILL');
    await eventually(async () => (await processesLeft()).length === 0, 15_000);
  }, 120_000);

  it('keeps address and data over a restart', async () => {
    const folder = join(state, 'temporal');
    const first = await startTemporal({ folder, lease: 'until-down' });
    const temporal = (await resolveTools(['temporal'])).get('temporal') ?? '';
    const operator = (...args: string[]) => run(temporal, ['operator', 'namespace', ...args, '--address', first.address]);
    await operator('create', '--namespace', 'kept');
    await stopTemporal(folder);
    expect(await temporalStatus(folder)).toBeUndefined();
    const second = await startTemporal({ folder, lease: { pid: process.pid } });
    expect(second.address).toBe(first.address);
    expect((await operator('describe', '--namespace', 'kept')).stdout).toContain('kept');
    const leave = await second.join(process.pid);
    await second.release();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await temporalStatus(folder)).toEqual({ address: first.address });
    await leave();
    await eventually(async () => (await processesLeft()).length === 0, 15_000);
  }, 120_000);
});

describe('the S3 server', () => {
  it('serves, asks for credentials, and is gone after stop', async () => {
    const s3 = await startTestS3();
    expect((await fetch(s3.endpoint)).status).toBe(403);
    await s3.stop();
    await expect(fetch(s3.endpoint)).rejects.toThrow();
  }, 60_000);
});
