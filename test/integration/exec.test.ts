import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { CallOptions, Cluster, ExecRequest } from '../../kubernetes/port.ts';
import { HeldSession } from '../../plugins/held-session.ts';
import { dropLease, LEASE_LOST, renewLease, takeLease } from '../../plugins/lease-script.ts';
import { createPod, isRunning, podBecomes } from '../support/pods.ts';
import { startTestNode } from '../support/sandbox-env.ts';

const IMAGE = 'holdfast/busybox:1';
let node: Awaited<ReturnType<typeof startTestNode>>;
let cluster: Cluster;

beforeAll(async () => {
  node = await startTestNode();
  cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
  await createPod(node.kubeconfigPath, 'box', { container: { image: IMAGE, command: ['sh', '-c', 'while :; do sleep 1; done'] } });
  await podBecomes(node.kubeconfigPath, 'box', isRunning);
});

afterAll(async () => {
  await cluster.close();
  await node.stop();
});

const run = (command: readonly string[], more: Partial<ExecRequest> & CallOptions = {}) =>
  cluster.exec({ namespace: 'default', pod: 'box', container: '', command, ...more }, more);
const sh = (script: string, more: Partial<ExecRequest> & CallOptions = {}) => run(['sh', '-c', script], more);

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) {
    await sleep(0);
    yield Buffer.alloc(100_000, index);
  }
}

describe('exec on a real node', () => {
  it('carries input and its end, and output, whole', async () => {
    const expected = createHash('sha256');
    for await (const piece of pieces(300)) expected.update(piece);
    const got = createHash('sha256');
    let bytes = 0;
    const result = await run(['cat'], {
      stdin: pieces(300),
      onStdout: async (chunk) => {
        bytes += chunk.length;
        got.update(chunk);
        if (bytes % 7 === 0) await sleep(5);
      },
    });
    expect(result).toStrictEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect([bytes, got.digest('hex')]).toStrictEqual([30_000_000, expected.digest('hex')]);
  });

  it('a command waits while nobody takes its output', async () => {
    let first = true;
    let written = 0;
    const result = await sh('i=0; while [ $i -lt 200 ]; do head -c 262144 /dev/zero; i=$((i+1)); echo $i > /tmp/written; done', {
      onStdout: async () => {
        if (!first) return;
        first = false;
        await sleep(2_000);
        written = Number((await sh('cat /tmp/written')).stdout);
      },
    });
    expect(result.exitCode).toBe(0);
    expect(written).toBeLessThan(200);
  });

  it('gives exit codes, missing programs, and what is not there', async () => {
    expect(await sh('echo out; echo err >&2; exit 42')).toStrictEqual({ exitCode: 42, stdout: 'out\n', stderr: 'err\n' });
    expect(await run(['no-such-program'])).toMatchObject({ exitCode: 127, stderr: expect.stringContaining('no-such-program') as unknown });
    await expect(run(['true'], { pod: 'nowhere' })).rejects.toMatchObject({ type: 'NotFound' });
    await expect(run(['true'], { pod: 'nowhere', container: 'main' })).rejects.toMatchObject({ type: 'NotFound' });
    await expect(run(['true'], { container: 'nowhere' })).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('ends with the signal', async () => {
    await expect(run(['sleep', '60'], { signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('a session that is held answers, and its program ends with it', async () => {
    const script = 'trap "rm -f /tmp/session" EXIT; touch /tmp/session; while read -r line; do echo "<$line>"; done';
    const place = { namespace: 'default', pod: 'box', container: '' };
    const session = new HeldSession(cluster, { ...place, command: ['sh', '-c', script] }, 'a test');
    const signal = AbortSignal.timeout(20_000);
    expect(await session.ask('one\ntwo\n', (line) => line === '<two>', signal)).toStrictEqual(['<one>', '<two>']);
    await sleep(1_000);
    expect(await session.ask('three\n', () => true, signal)).toStrictEqual(['<three>']);
    expect((await sh('ls /tmp/session')).exitCode).toBe(0);
    session.close();
    await expect(session.ask('four\n', () => true, signal)).rejects.toMatchObject({ type: 'Conflict' });
    for (let round = 0; round < 50 && (await sh('ls /tmp/session')).exitCode === 0; round += 1) await sleep(200);
    expect((await sh('ls /tmp/session')).exitCode).not.toBe(0);
  });

  it('a lease lives on in the container when the command that took it has ended, and undoes by itself', async () => {
    const lease = { token: 'run-1', seconds: 3 };
    const scripts = { check: '', act: 'touch /tmp/held', undo: 'rm /tmp/held' };
    const isHeld = async () => (await sh('ls /tmp/held')).exitCode === 0;
    expect((await run(takeLease(lease, scripts, []))).exitCode).toBe(0);
    for (let round = 0; round < 5; round += 1) {
      await sleep(1_000);
      expect((await run(renewLease(lease))).exitCode).toBe(0);
    }
    expect(await isHeld()).toBe(true);
    await sleep(6_000);
    expect(await isHeld()).toBe(false);
    expect((await run(renewLease(lease))).exitCode).toBe(LEASE_LOST);
    expect((await run(dropLease(lease, { undo: scripts.undo, always: false }, []))).exitCode).toBe(LEASE_LOST);
    expect((await run(takeLease(lease, scripts, []))).exitCode).toBe(0);
    expect((await run(dropLease(lease, { undo: scripts.undo, always: false }, []))).exitCode).toBe(0);
    expect(await isHeld()).toBe(false);
  });
});
