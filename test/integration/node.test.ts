import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { loadImage } from '../../sandbox/node/image-archive.ts';
import { postgresImage } from '../../sandbox/node/postgres-image.ts';
import { eventually } from '../sandbox/waiting.ts';
import { createPod, hasEnded, isRunning, podBecomes } from '../support/pods.ts';
import { startTestNode, startTestS3 } from '../support/sandbox-env.ts';

const IMAGE = 'holdfast/busybox:1';
const SLEEP = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'];
let node: Awaited<ReturnType<typeof startTestNode>>;
let cluster: Cluster;

const sh = (pod: string, script: string) => cluster.exec({ namespace: 'default', pod, container: '', command: ['sh', '-c', script] });

async function logOf(pod: string): Promise<string> {
  const lines: string[] = [];
  for await (const line of cluster.logs({ namespace: 'default', pod, container: '', follow: false })) lines.push(line);
  return lines.join('\n');
}

beforeAll(async () => {
  node = await startTestNode();
  cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
});

afterAll(async () => {
  await cluster.close();
  await node.stop();
});

describe('a node', () => {
  it('runs a pod with a volume of its own, whose log and commands come through the API server', async () => {
    await createPod(node.kubeconfigPath, 'volume', {
      container: {
        image: IMAGE,
        command: ['sh', '-c', 'echo written >/data/file && cat /data/file && sleep 3600'],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      spec: { volumes: [{ name: 'data', emptyDir: {} }] },
    });
    await podBecomes(node.kubeconfigPath, 'volume', isRunning);
    await eventually(async () => (await logOf('volume')) === 'written', 10_000);
    expect(await sh('volume', 'cat /data/file; echo wrong >&2; exit 3')).toMatchObject({
      exitCode: 3,
      stdout: 'written\n',
      stderr: 'wrong\n',
    });
  });

  it('takes a pod away with its processes and volumes', async () => {
    await createPod(node.kubeconfigPath, 'gone', { container: { image: IMAGE, command: SLEEP } });
    await podBecomes(node.kubeconfigPath, 'gone', isRunning);
    const ref = { type: { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true }, namespace: 'default', name: 'gone' };
    await cluster.delete(ref);
    await eventually(async () => (await cluster.get(ref)) === undefined, 30_000);
  });

  it('lets a pod reach a server on the loopback of this machine, and the other way round the pod', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.socket.remoteAddress ?? '');
      response.end('from this machine');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      // Debian's static busybox has a wget that crashes, so the pod speaks HTTP by itself.
      const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${node.place.hostAddress} ${port} | tail -n 1; echo`;
      const script = `${ask}; mkdir /www; echo from the pod >/www/index.html; httpd -f -h /www`;
      await createPod(node.kubeconfigPath, 'caller', { container: { image: IMAGE, command: ['sh', '-c', script] } });
      const { podIP } = await podBecomes(node.kubeconfigPath, 'caller', isRunning);
      await eventually(async () => (await logOf('caller')) === 'from this machine', 10_000);
      expect(seen).toEqual([podIP]);
      expect(await (await fetch(`http://${podIP ?? ''}/`)).text()).toBe('from the pod\n');
    } finally {
      server.close();
    }
  });

  it('lets a pod use restic with an S3 server on this machine', async () => {
    const s3 = await startTestS3();
    try {
      const url = `s3:http://${node.place.hostAddress}:${new URL(s3.endpoint).port}/volumes`;
      const environment = {
        RESTIC_REPOSITORY: url,
        RESTIC_PASSWORD: 'secret',
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      };
      const env = Object.entries(environment).map(([name, value]) => ({ name, value }));
      const script = 'set -e; echo kept >/tmp/file; restic init; restic backup /tmp/file; restic dump latest /tmp/file';
      await createPod(node.kubeconfigPath, 'restic', {
        container: { image: 'holdfast/restic:0.18.1', command: ['sh', '-c', script], env },
        spec: { restartPolicy: 'Never' },
      });
      await podBecomes(node.kubeconfigPath, 'restic', hasEnded);
      expect((await logOf('restic')).split('\n').at(-1)).toBe('kept');
    } finally {
      await s3.stop();
    }
  });

  it('gives a pod the API server under its usual address and certificate', async () => {
    // restic is the one program of our images that checks certificates. What it is told is what the API server says to strangers.
    const authority = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';
    const script = `restic --cacert ${authority} --repo "rest:https://$KUBERNETES_SERVICE_HOST/x" --retry-lock 0s cat config 2>&1; true`;
    await createPod(node.kubeconfigPath, 'client', {
      container: {
        image: 'holdfast/restic:0.18.1',
        command: ['timeout', '20', 'sh', '-c', script],
        env: [{ name: 'RESTIC_PASSWORD', value: 'secret' }],
      },
      spec: { restartPolicy: 'Never' },
    });
    await podBecomes(node.kubeconfigPath, 'client', hasEnded);
    expect(await logOf('client')).toMatch(/401/);
    expect(await logOf('client')).not.toMatch(/x509/);
  });

  it('runs PostgreSQL as an ordinary user from an image built on this machine', async () => {
    await loadImage(node.place, postgresImage());
    await createPod(node.kubeconfigPath, 'postgres', {
      container: {
        image: 'holdfast/postgres:15',
        env: [{ name: 'POSTGRES_DB', value: 'shop' }],
        volumeMounts: [{ name: 'data', mountPath: '/var/lib/postgresql/data' }],
        readinessProbe: { exec: { command: ['pg_isready', '--username=postgres'] }, periodSeconds: 1 },
      },
      spec: { volumes: [{ name: 'data', emptyDir: {} }], securityContext: { fsGroup: 999 } },
    });
    await podBecomes(
      node.kubeconfigPath,
      'postgres',
      ({ conditions }) => conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
    );
    const script = [
      'set -e',
      'psql -U postgres -d shop -q -c "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n; CREATE EXTENSION amcheck"',
      'pg_dump -U postgres shop | grep -c "^[0-9][0-9]*$"',
      'pg_basebackup -U postgres -D /tmp/base && pg_verifybackup -q /tmp/base',
      'pg_amcheck -U postgres shop && id -u',
    ].join(' && ');
    expect(await sh('postgres', script)).toMatchObject({ exitCode: 0, stdout: '1000\n999\n' });
  });
});
