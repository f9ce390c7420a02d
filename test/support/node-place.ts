import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { CommandResult } from './child-command.ts';
import { TestPlace } from './place.ts';
import { until, type PlainObject } from './raw-api.ts';
import { startTestNode } from './sandbox-env.ts';
import { StorageDoor } from './storage-door.ts';

interface NodePlaceOptions {
  /** A Temporal server of its own, for tests that kill workers; else commands start the local one. */
  readonly temporal?: boolean;
  /** A storage driver with snapshots, too. */
  readonly withStorageDriver?: boolean;
}

/** A place whose cluster has a real node: pods run, movers run in pods, and both they and the worker reach the location `main` on an S3 server. */
export class NodePlace {
  readonly place: TestPlace;
  readonly node: Awaited<ReturnType<typeof startTestNode>>;
  readonly cluster: Cluster;
  /** Between everybody and the S3 server. */
  readonly door: StorageDoor;

  private constructor(parts: Pick<NodePlace, 'place' | 'node' | 'cluster' | 'door'>) {
    this.place = parts.place;
    this.node = parts.node;
    this.cluster = parts.cluster;
    this.door = parts.door;
  }

  static async open({ temporal = false, withStorageDriver = false }: NodePlaceOptions = {}): Promise<NodePlace> {
    const node = await startTestNode({ withStorageDriver });
    const place = await TestPlace.open({ cluster: node, s3: true, temporal });
    const cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
    const { hostAddress } = node.place;
    const door = await StorageDoor.open(Number(new URL(place.s3?.endpoint ?? '').port), hostAddress);
    await place.addLocation('main', { origin: `http://${hostAddress}:${door.port}` });
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    const movers = { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never' };
    await writeFile(place.configFile, stringify({ ...configuration, movers }));
    return new NodePlace({ place, node, cluster, door });
  }

  async close(): Promise<void> {
    await this.door.close();
    await this.cluster.close();
    await this.place.close();
  }

  /** Runs the command line; words are separated by spaces. */
  hold(line: string): Promise<CommandResult> {
    return this.place.run(line.split(' '));
  }

  async list(namespace: string, plural: string, selector = ''): Promise<readonly PlainObject[]> {
    const list = await this.place.api.get(`/api/v1/namespaces/${namespace}/${plural}?labelSelector=${encodeURIComponent(selector)}`);
    return (list?.['items'] ?? []) as readonly PlainObject[];
  }

  /** What a shell in the first pod of that selector prints; rejects when it fails. */
  async sh(namespace: string, selector: string, script: string): Promise<string> {
    const pods = await this.list(namespace, 'pods', selector);
    const [pod] = pods
      .map((object) => (object['metadata'] ?? {}) as { readonly name?: string; readonly deletionTimestamp?: string })
      .filter((one) => one.deletionTimestamp === undefined);
    const command = ['sh', '-c', script];
    const { exitCode, stdout, stderr } = await this.cluster.exec({ namespace, pod: pod?.name ?? '', container: '', command });
    if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
    return stdout;
  }

  /** Waits until the script succeeds in the pod. */
  async holds(namespace: string, selector: string, script: string): Promise<void> {
    const succeeds = () =>
      this.sh(namespace, selector, script).then(
        () => true,
        () => false,
      );
    await until(`${script} in ${namespace} ${selector}`, succeeds, 120_000);
  }
}
