import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import type { CommandResult } from './child-command.ts';
import { NodePlace } from './node-place.ts';
import type { TestPlace } from './place.ts';
import type { PlainObject } from './raw-api.ts';

/** A place whose cluster has a node and a storage driver with snapshots, for workers of the test's own. */
export class StorageSite {
  readonly #base: NodePlace;

  private constructor(base: NodePlace) {
    this.#base = base;
  }

  static async open(): Promise<StorageSite> {
    return new StorageSite(await NodePlace.open({ temporal: true, withStorageDriver: true }));
  }

  get place(): TestPlace {
    return this.#base.place;
  }

  get node(): NodePlace['node']['place'] {
    return this.#base.node.place;
  }

  close(): Promise<void> {
    return this.#base.close();
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

  /** Runs a script in a deployment's pod; what it printed. */
  sh(namespace: string, deployment: string, script: string): Promise<string> {
    return this.#base.sh(namespace, `app=${deployment}`, script);
  }

  /** Names of pods. */
  async pods(namespace: string, selector = ''): Promise<readonly string[]> {
    const pods = await this.#base.list(namespace, 'pods', selector);
    return pods.map((pod) => (pod['metadata'] as { readonly name: string }).name);
  }

  /** Waits until a script succeeds there. */
  shows(namespace: string, deployment: string, script: string): Promise<void> {
    return this.#base.holds(namespace, `app=${deployment}`, script);
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
