import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { upSandbox } from '../../sandbox/control-plane.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { readInit, readNodePlace } from '../../sandbox/node/node-place.ts';
import type { NodePlace } from '../../sandbox/node/node-place.ts';
import { downSandbox, listSandboxes, sandboxStatus } from '../../sandbox/sandbox-status.ts';
import { sandboxPaths } from '../../sandbox/state-folder.ts';
import { eventually } from '../sandbox/waiting.ts';
import { machineState, namespaceOf, tracesOf, usersOfNamespace } from '../support/node-traces.ts';
import { createPod, isRunning, podBecomes, podStatus } from '../support/pods.ts';

const CONTAINER = { image: 'holdfast/busybox:1', command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'] };
const WITH_VOLUME = {
  container: { ...CONTAINER, volumeMounts: [{ name: 'memory', mountPath: '/memory' }] },
  spec: { volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }] },
};
let state: string;

async function placeOf(name: string): Promise<NodePlace> {
  const place = await readNodePlace(sandboxPaths(name, state));
  if (place === undefined) throw new Error(`sandbox ${name} has no node`);
  return place;
}

async function namespaceOfNode(place: NodePlace): Promise<string> {
  return namespaceOf((await readInit(place))?.pid ?? 0);
}

async function killServer(sandbox: Sandbox, name: string): Promise<void> {
  const server = (await sandboxStatus({ name: sandbox.name, state })).servers.find((one) => one.name === name);
  process.kill(server?.pid ?? 0, 'SIGKILL');
}

const up = (name: string) => upSandbox({ name, state, withNode: true });

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'holdfast-node-'));
});

afterEach(async () => {
  for (const { name } of await listSandboxes(state)) await downSandbox({ name, state, purge: true });
  await rm(state, { recursive: true, force: true });
});

describe('a sandbox with a node', () => {
  it('starts in less than 40 s, and leaves nothing on the machine when it is taken down', async () => {
    const before = machineState();
    const started = performance.now();
    const sandbox = await up('one');
    expect(performance.now() - started).toBeLessThan(40_000);
    const place = await placeOf('one');
    const namespace = await namespaceOfNode(place);
    await createPod(sandbox.kubeconfigPath, 'pod', WITH_VOLUME);
    await podBecomes(sandbox.kubeconfigPath, 'pod', isRunning);
    expect(sandbox.node).toEqual({ name: 'holdfast-node', address: place.nodeAddress, hostAddress: place.hostAddress });
    expect(tracesOf(place).length).toBeGreaterThan(10);
    expect(usersOfNamespace(namespace).length).toBeGreaterThan(2);
    expect(machineState()).toEqual(before);
    await downSandbox({ name: 'one', state, purge: true });
    expect(tracesOf(place)).toEqual([]);
    expect(usersOfNamespace(namespace)).toEqual([]);
    expect(machineState()).toEqual(before);
  });

  it('keeps its pods and its images when it is stopped and started again, at whatever address', async () => {
    const first = await up('one');
    await createPod(first.kubeconfigPath, 'pod', WITH_VOLUME);
    const { containerStatuses } = await podBecomes(first.kubeconfigPath, 'pod', isRunning);
    await downSandbox({ name: 'one', state, purge: false });
    expect((await sandboxStatus({ name: 'one', state })).state).toBe('stopped');
    const again = await up('one');
    await podBecomes(again.kubeconfigPath, 'pod', (status) => isRunning(status) && status.containerStatuses?.[0]?.restartCount === 1);
    expect((await podStatus(again.kubeconfigPath, 'pod')).containerStatuses?.[0]?.containerID).not.toBe(
      containerStatuses?.[0]?.containerID,
    );
  });

  it('shows a containerd and a kubelet that were killed, and mends them while the pods run on', async () => {
    const sandbox = await up('one');
    await createPod(sandbox.kubeconfigPath, 'pod', WITH_VOLUME);
    const before = await podBecomes(sandbox.kubeconfigPath, 'pod', isRunning);
    await killServer(sandbox, 'containerd');
    await killServer(sandbox, 'kubelet');
    await eventually(async () => (await sandboxStatus({ name: 'one', state })).state === 'broken', 5_000);
    // Nobody has to say again that there is a node.
    await upSandbox({ name: 'one', state });
    const status = await sandboxStatus({ name: 'one', state });
    expect(status.state).toBe('running');
    expect(status.servers.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'containerd', 'kubelet', 'kube-scheduler']));
    expect((await podStatus(sandbox.kubeconfigPath, 'pod')).containerStatuses?.[0]?.containerID).toBe(
      before.containerStatuses?.[0]?.containerID,
    );
    await createPod(sandbox.kubeconfigPath, 'next', { container: CONTAINER });
    await podBecomes(sandbox.kubeconfigPath, 'next', isRunning);
  });

  it('starts again after all of its processes were killed', async () => {
    const sandbox = await up('one');
    const place = await placeOf('one');
    await createPod(sandbox.kubeconfigPath, 'pod', WITH_VOLUME);
    await podBecomes(sandbox.kubeconfigPath, 'pod', isRunning);
    const namespace = await namespaceOfNode(place);
    await killServer(sandbox, 'node');
    await eventually(() => usersOfNamespace(namespace).length === 0, 10_000);
    await up('one');
    await podBecomes(sandbox.kubeconfigPath, 'pod', (status) => isRunning(status) && status.containerStatuses?.[0]?.restartCount === 1);
    await killServer(sandbox, 'node');
    await downSandbox({ name: 'one', state, purge: true });
    expect(tracesOf(place)).toEqual([]);
  });

  it('goes by itself when the process that it runs for is killed', async () => {
    const script = fileURLToPath(new URL('../sandbox/up-and-wait.ts', import.meta.url));
    const owner = spawn(process.execPath, [script, 'one', state], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    const place = await placeOf('one');
    const { kubeconfig } = sandboxPaths('one', state);
    await createPod(kubeconfig, 'pod', WITH_VOLUME);
    await podBecomes(kubeconfig, 'pod', isRunning);
    owner.kill('SIGKILL');
    await eventually(() => tracesOf(place).length === 0, 20_000);
  });

  it('does not collide with another one', async () => {
    const sandboxes = await Promise.all([up('one'), up('two')]);
    const places = await Promise.all(['one', 'two'].map(placeOf));
    for (const { kubeconfigPath } of sandboxes) await createPod(kubeconfigPath, 'pod', { container: CONTAINER });
    const pods = await Promise.all(sandboxes.map(({ kubeconfigPath }) => podBecomes(kubeconfigPath, 'pod', isRunning)));
    for (const [index, { podIP = '' }] of pods.entries())
      expect(podIP.startsWith(places[index]?.hostAddress.replace(/1$/, '') ?? '-')).toBe(true);
    await downSandbox({ name: 'one', state, purge: true });
    expect((await sandboxStatus({ name: 'two', state })).state).toBe('running');
    await createPod(sandboxes[1].kubeconfigPath, 'after', { container: CONTAINER });
    await podBecomes(sandboxes[1].kubeconfigPath, 'after', isRunning);
  });
});
