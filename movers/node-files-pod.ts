import { PassThrough } from 'node:stream';
import type { JsonObject } from '../contracts/json.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { OwnPod } from './own-pod.ts';
import { podObject, READS, securityContext, WAIT, type PodOnNode } from './pod-frame.ts';
import type { PodMoverSettings } from './pod-settings.ts';
import type { NodeFiles, NodeFilesTask } from './port.ts';

const CONTAINER = 'files';
/** Where the folders are mounted. */
const HOST = '/host';
/** Control-plane pods are here, and here pods with folders of their node are allowed. */
const NAMESPACE = 'kube-system';
/** Control-plane nodes keep other pods away. */
const EVERYWHERE = [{ operator: 'Exists' }];

/** Reads through a pod on the node that mounts the folders read-only, and that is removed whatever happens. */
export class PodNodeFiles implements NodeFiles {
  readonly #cluster: Cluster;
  readonly #settings: PodMoverSettings;

  constructor(cluster: Cluster, settings: PodMoverSettings) {
    this.#cluster = cluster;
    this.#settings = { ...settings, tolerations: EVERYWHERE };
  }

  async *read(task: NodeFilesTask, signal: AbortSignal): AsyncGenerator<Buffer> {
    const place: PodOnNode = { task, host: { namespace: NAMESPACE, node: task.node }, settings: this.#settings };
    const pod = new OwnPod(this.#cluster, place);
    const stop = new AbortController();
    try {
      await start(pod, podOf(place, task), signal);
      yield* this.#tar(pod, Object.keys(task.folders), AbortSignal.any([signal, stop.signal]));
    } finally {
      stop.abort();
      // What cannot be removed now is found by its labels later; it must not hide how the reading ended.
      await pod.remove().catch(() => undefined);
    }
  }

  /** The command waits while nobody takes what it has written. */
  async *#tar(pod: OwnPod, folders: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer> {
    const pipe = new PassThrough();
    const { namespace, name } = pod.ref;
    const command = ['tar', '-c', '-f', '-', '-C', HOST, ...folders];
    const onStdout = (chunk: Buffer): Promise<void> =>
      new Promise((resolve, reject) => {
        pipe.write(chunk, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    const request = { namespace, pod: name, container: CONTAINER, command, onStdout };
    this.#cluster.exec(request, { signal }).then(
      ({ exitCode, stderr }) => {
        if (exitCode === 0) pipe.end();
        else pipe.destroy(unread(pod, stderr));
      },
      (error: unknown) => pipe.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    yield* pipe as AsyncIterable<Buffer>;
  }
}

/** In place of one that an earlier attempt has left. */
async function start(pod: OwnPod, object: JsonObject, signal: AbortSignal): Promise<void> {
  if (await pod.get(signal)) await pod.remove(signal);
  await pod.create(object, signal);
  const { kind, ...end } = await pod.watch((state) => state.kind !== 'waiting', signal);
  if (kind !== 'running') throw pod.unavailable(`its pod ended: ${'reason' in end ? end.reason : kind}`, 'look at the node');
}

function podOf(place: PodOnNode, { folders }: NodeFilesTask): JsonObject {
  const { settings } = place;
  const container = {
    name: CONTAINER,
    image: settings.image,
    ...(settings.imagePullPolicy === undefined ? {} : { imagePullPolicy: settings.imagePullPolicy }),
    ...(settings.resources ? { resources: settings.resources } : {}),
    command: ['/bin/sh', '-c', WAIT],
    securityContext: settings.securityContext ?? securityContext(READS),
    volumeMounts: Object.keys(folders).map((name) => ({ name, mountPath: `${HOST}/${name}`, readOnly: true })),
  };
  const volumes = Object.entries(folders).map(([name, path]) => ({ name, hostPath: { path, type: 'Directory' } }));
  return podObject(place, { containers: [container], volumes });
}

function unread(pod: OwnPod, stderr: string): Error {
  const words = stderr.replace(/\s+/g, ' ').trim().slice(0, 300);
  return pod.unavailable(`its files cannot all be read: ${words}`, 'look at the node; the image of the movers needs sh and tar');
}
