import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { runInNode } from '../../sandbox/node/enter-node.ts';
import { namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until, type PlainObject } from '../support/raw-api.ts';
import { startTestNode } from '../support/sandbox-env.ts';

const NAMESPACE = 'on-node';
const FOLDER = '/var/lib/holdfast-test-volume';
const WRITE = `mkdir -p /data/deep; for n in $(seq 1 200); do [ -e /data/deep/$n ] || head -c $((n * 100)) /dev/urandom >/data/deep/$n; done; chmod 600 /data/deep/7;
  chown 77:88 /data/deep/8; [ -L /data/link ] || ln -s deep /data/link; touch /tmp/ready; while :; do sleep 1; done`;
/** Everything of the volume, times included. */
const SUM = 'cd /data && (find . -type f -exec sha256sum {} + ; find . -mindepth 1 -exec stat -c "%n %a %u:%g %Y" {} +) | sort';

describe('a volume on a real node', () => {
  let place: TestPlace;
  let node: Awaited<ReturnType<typeof startTestNode>>;
  let cluster: Cluster;
  let door: Server;

  beforeAll(async () => {
    node = await startTestNode();
    place = await TestPlace.open({ cluster: node, s3: true, temporal: false });
    cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
    // Pods reach the S3 server at the address of the node's link; with this the worker does, too.
    const port = Number(new URL(place.s3?.endpoint ?? '').port);
    door = createServer((socket) => {
      const inner = connect(port, '127.0.0.1');
      for (const end of [socket, inner]) {
        end.on('error', () => {
          for (const one of [socket, inner]) one.destroy();
        });
      }
      socket.pipe(inner).pipe(socket);
    }).listen(port, node.place.hostAddress);
    await once(door, 'listening');
    await place.addLocation('main', { origin: `http://${node.place.hostAddress}:${port}` });
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    const movers = { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never' };
    await writeFile(place.configFile, stringify({ ...configuration, movers }));
    await place.api.create(namespace(NAMESPACE));
    for (const object of objects()) await place.api.create(object);
    await isWritten();
  }, 240_000);

  afterAll(async () => {
    door.close();
    await cluster.close();
    await place.close();
  }, 120_000);

  const hold = (line: string) => place.run(line.split(' '));

  function objects(): readonly PlainObject[] {
    const metadata = { namespace: NAMESPACE, name: 'data' };
    return [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'on-node-data' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: 'by-hand',
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...metadata },
          hostPath: { path: FOLDER, type: 'DirectoryOrCreate' },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata,
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', resources: { requests: { storage: '1Gi' } } },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { namespace: NAMESPACE, name: 'writer' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'writer' } },
          template: {
            metadata: {
              labels: { app: 'writer' },
              annotations: {
                'pre.hook.backup.velero.io/command': '["sh", "-c", "date >>/data/quiesced"]',
                'post.hook.backup.velero.io/command': '["sh", "-c", "date >>/tmp/released"]',
              },
            },
            spec: {
              terminationGracePeriodSeconds: 0,
              automountServiceAccountToken: false,
              containers: [
                {
                  name: 'main',
                  image: 'holdfast/busybox:1',
                  imagePullPolicy: 'Never',
                  command: ['sh', '-c', WRITE],
                  volumeMounts: [{ name: 'data', mountPath: '/data' }],
                },
              ],
              volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
            },
          },
        },
      },
    ];
  }

  async function pods(selector: string): Promise<readonly PlainObject[]> {
    const list = await place.api.get(`/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=${encodeURIComponent(selector)}`);
    return (list?.['items'] ?? []) as readonly PlainObject[];
  }

  async function sh(script: string): Promise<string> {
    const [pod] = await pods('app=writer');
    const { name = '' } = (pod?.['metadata'] ?? {}) as { readonly name?: string };
    const { exitCode, stdout, stderr } = await cluster.exec({
      namespace: NAMESPACE,
      pod: name,
      container: '',
      command: ['sh', '-c', script],
    });
    if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
    return stdout;
  }

  async function isWritten(): Promise<void> {
    await until(
      'the writer has written',
      () =>
        sh('test -e /tmp/ready').then(
          () => true,
          () => false,
        ),
      120_000,
    );
  }

  it('is captured by a pod beside its workload, lost, and there again before the workload starts', async () => {
    const made = await hold(`backup create first -n ${NAMESPACE}`);
    expect(made).toMatchObject({ code: 0 });
    const described = SCHEMAS['backup-describe'].parse(JSON.parse((await hold('backup describe first -o json')).stdout));
    expect(described.volumes).toMatchObject([
      { claim: 'data', method: 'file-system', quiescedBy: 'exec', data: { kind: 'restic', files: 201 } },
    ]);
    expect((await sh('wc -l </data/quiesced; wc -l </tmp/released')).split('\n').map(Number)).toEqual([1, 1, 0]);
    const before = await sh(SUM);
    expect(await pods('app.kubernetes.io/managed-by=holdfast')).toEqual([]);

    await place.api.removeNamespaces(NAMESPACE);
    for (const object of objects()) if (object['kind'] === 'PersistentVolume') await place.api.remove(object);
    await runInNode(node.place, ['rm', '-rf', FOLDER]);
    const restored = await hold('restore create back --from-backup first --checksum');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume on-node\/data: 201 files, .* restored and compared/) });
    await isWritten();
    expect(await sh(SUM)).toBe(before);
    const secrets = await place.api.get(`/api/v1/namespaces/${NAMESPACE}/secrets`);
    expect(secrets?.['items']).toEqual([]);
    expect(await pods('app.kubernetes.io/managed-by=holdfast')).toEqual([]);
  }, 300_000);
});
