import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { NodePlace } from '../../sandbox/node/node-place.ts';
import type { CommandResult } from './child-command.ts';
import { TestPlace } from './place.ts';
import { until, type PlainObject } from './raw-api.ts';
import { startTestNode } from './sandbox-env.ts';

/** A place whose cluster has a node and a storage driver with snapshots, whose S3 location `main` movers reach from pods, and a worker. */
export class StorageSite {
  readonly place: TestPlace;
  readonly node: NodePlace;
  readonly #cluster: Cluster;
  readonly #door: Server;

  private constructor(parts: { readonly place: TestPlace; readonly node: NodePlace; readonly cluster: Cluster; readonly door: Server }) {
    this.place = parts.place;
    this.node = parts.node;
    this.#cluster = parts.cluster;
    this.#door = parts.door;
  }

  static async open(): Promise<StorageSite> {
    const sandbox = await startTestNode({ withStorageDriver: true });
    const place = await TestPlace.open({ cluster: sandbox, s3: true });
    const { hostAddress } = sandbox.place;
    const port = Number(new URL(place.s3?.endpoint ?? '').port);
    const door = await openDoor(port, hostAddress);
    await place.addLocation('main', { origin: `http://${hostAddress}:${port}` });
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    const movers = { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never' };
    await writeFile(place.configFile, stringify({ ...configuration, movers }));
    const cluster = await connectCluster({ name: 'test', kubeconfig: sandbox.kubeconfigPath, context: sandbox.context });
    return new StorageSite({ place, node: sandbox.place, cluster, door });
  }

  async close(): Promise<void> {
    this.#door.close();
    await this.#cluster.close();
    await this.place.close();
  }

  /** Runs a command that must succeed; what it printed. */
  async done(line: string, ...rest: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.hold(line, ...rest);
    if (code !== 0) throw new Error(`holdfast ${line} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  hold(line: string, ...rest: readonly string[]): Promise<CommandResult> {
    return this.place.run([...line.split(' '), ...rest]);
  }

  /** A pod with claims below /data/<claim>, or without any pod where there is no script. */
  async run(pod: PodWithClaims): Promise<void> {
    await this.place.api.create(deploymentOf(pod));
  }

  async claim(namespace: string, name: string, { storageClass = 'holdfast-csi', ...more }: ClaimOptions = {}): Promise<void> {
    const { labels = {}, size = '1Gi', volumeMode = 'Filesystem' } = more;
    await this.place.api.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace, name, labels },
      spec: { accessModes: ['ReadWriteOnce'], volumeMode, storageClassName: storageClass, resources: { requests: { storage: size } } },
    });
  }

  /** Runs a script in the only container of a deployment's pod; what it printed. */
  async sh(namespace: string, deployment: string, script: string): Promise<string> {
    const [name = ''] = await this.pods(namespace, `app=${deployment}`);
    const command = ['sh', '-c', script];
    const { exitCode, stdout, stderr } = await this.#cluster.exec({ namespace, pod: name, container: '', command });
    if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
    return stdout;
  }

  /** Names of pods. */
  async pods(namespace: string, selector = ''): Promise<readonly string[]> {
    const pods = await this.#list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`);
    return pods.map((pod) => (pod['metadata'] as { readonly name: string }).name);
  }

  /** Waits until a script succeeds there. */
  async shows(namespace: string, deployment: string, script: string): Promise<void> {
    const succeeds = () =>
      this.sh(namespace, deployment, script).then(
        () => true,
        () => false,
      );
    await until(`${script} in ${namespace}/${deployment}`, succeeds, 120_000);
  }

  async volumesOf(backup: string): Promise<readonly CapturedVolume[]> {
    const described = await this.hold(`backup describe ${backup} -o json`);
    const { volumes = [] } = SCHEMAS['backup-describe'].parse(JSON.parse(described.stdout));
    return volumes as readonly CapturedVolume[];
  }

  /** What Holdfast has made in the cluster for its own use, everywhere, by kind and name; the driver's snapshots and groups too. */
  async leftovers(): Promise<readonly string[]> {
    const paths = [
      '/api/v1/pods',
      '/api/v1/secrets',
      '/api/v1/persistentvolumeclaims',
      '/apis/snapshot.storage.k8s.io/v1/volumesnapshots',
      '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents',
      '/apis/groupsnapshot.storage.k8s.io/v1/volumegroupsnapshots',
      '/apis/groupsnapshot.storage.k8s.io/v1/volumegroupsnapshotcontents',
    ];
    const lists = await Promise.all(paths.map(async (path) => (await this.#list(path)).map((object) => ({ path, object }))));
    const named = lists.flat().map(({ path, object }) => ({ path, name: (object['metadata'] as { readonly name: string }).name }));
    const ours = named.filter(({ path, name }) => path.startsWith('/apis/') || name.startsWith('holdfast-'));
    return [...ours.map(({ path, name }) => `${path}/${name}`), ...(await this.snapshots()), ...(await this.#stored('groups'))];
  }

  /** What the driver itself has, by handle. */
  snapshots(): Promise<readonly string[]> {
    return this.#stored('snapshots');
  }

  /** Handles of the driver's volumes. */
  volumes(): Promise<readonly string[]> {
    return this.#stored('volumes');
  }

  async #stored(kind: string): Promise<readonly string[]> {
    return readdir(join(this.node.folder, 'data', 'csi', kind)).catch(() => []);
  }

  async #list(path: string): Promise<readonly PlainObject[]> {
    return ((await this.place.api.get(path))?.['items'] ?? []) as readonly PlainObject[];
  }
}

interface ClaimOptions {
  readonly storageClass?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly size?: string;
  readonly volumeMode?: 'Filesystem' | 'Block';
}

interface PodWithClaims {
  readonly namespace: string;
  readonly name: string;
  /** Each is mounted at /data/<claim>. */
  readonly claims: readonly string[];
  /** Each is a device at /dev/<claim>. */
  readonly devices?: readonly string[];
  readonly script: string;
}

function deploymentOf({ namespace, name, claims, devices = [], script }: PodWithClaims): PlainObject {
  const container = {
    name: 'main',
    image: 'holdfast/busybox:1',
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
    volumeMounts: claims.map((claim) => ({ name: claim, mountPath: `/data/${claim}` })),
    volumeDevices: devices.map((claim) => ({ name: claim, devicePath: `/dev/${claim}` })),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          containers: [container],
          volumes: [...claims, ...devices].map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claim } })),
        },
      },
    },
  };
}

/** Pods reach the S3 server at the address of the node's link; with this the worker does, too. */
async function openDoor(port: number, address: string): Promise<Server> {
  const door = createServer((socket) => {
    const inner = connect(port, '127.0.0.1');
    for (const end of [socket, inner]) {
      end.on('error', () => {
        for (const one of [socket, inner]) one.destroy();
      });
    }
    socket.pipe(inner).pipe(socket);
  }).listen(port, address);
  await once(door, 'listening');
  return door;
}
