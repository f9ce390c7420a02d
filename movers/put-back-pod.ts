import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { OwnPod } from './own-pod.ts';
import { podObject, securityContext, VOLUME, WAIT, WRITES, type PodOfTask } from './pod-frame.ts';
import type { PutBackEntry } from './port.ts';
import { bytesOf, type PutBackProgress } from './put-back-progress.ts';
import { putBackPlace } from './put-back-path.ts';
import { PUT_BACK_SCRIPT } from './put-back-script.ts';

const CONTAINER = 'put-back';

interface PutBackWork {
  readonly entries: readonly PutBackEntry[];
  readonly progress: PutBackProgress;
  readonly signal: AbortSignal;
}

/** A pod that mounts the volume and is told what to write into it. Nothing of it is secret, so it has no Secret. */
export class PutBackPod {
  readonly #cluster: Cluster;
  readonly #mover: PodOfTask;
  readonly #pod: OwnPod;

  constructor(cluster: Cluster, mover: PodOfTask) {
    this.#cluster = cluster;
    this.#mover = mover;
    this.#pod = new OwnPod(cluster, mover);
  }

  /** Writes the entries, in a new pod in place of one that an earlier attempt has left. */
  async run({ entries, progress, signal }: PutBackWork): Promise<void> {
    if (await this.#pod.get(signal)) await this.#pod.remove(signal);
    await this.#pod.create(putBackPodObject(this.#mover), signal);
    const { kind, ...end } = await this.#pod.watch((state) => state.kind !== 'waiting', signal);
    if (kind !== 'running') throw this.#pod.unavailable(`its pod ended: ${'reason' in end ? end.reason : kind}`, 'look at the node');
    for (const entry of entries) {
      await this.#put(entry, progress.contentOf(entry), signal);
      progress.entryDone();
    }
  }

  /** Returns when the pod is gone. Rejects as `OwnPod.remove` does. */
  async remove(): Promise<void> {
    await this.#pod.remove();
  }

  async #put(entry: PutBackEntry, content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    const { folders, name } = putBackPlace(entry.kind, entry.path);
    const { namespace, name: pod } = this.#pod.ref;
    const command = ['/bin/sh', '-c', PUT_BACK_SCRIPT, 'put-back', entry.kind, String(bytesOf(entry)), name, ...folders];
    const request = { namespace, pod, container: CONTAINER, command, stdin: content };
    const { exitCode, stderr } = await this.#cluster.exec(request, { signal });
    if (exitCode === 0) return;
    const where = `claim ${this.#mover.claim.namespace}/${this.#mover.claim.claim}`;
    const words = stderr.replace(/\s+/g, ' ').trim().slice(0, 300);
    throw new HoldfastError(FailureType.Forbidden, `${where}: ${entry.path} cannot be put back: ${words}`, {
      advice: 'look at the volume; the image of the movers needs sh, tar, find, stat, head, chown and chmod',
    });
  }
}

function putBackPodObject(mover: PodOfTask): JsonObject {
  const { settings, claim } = mover;
  const container = {
    name: CONTAINER,
    image: settings.image,
    ...(settings.imagePullPolicy === undefined ? {} : { imagePullPolicy: settings.imagePullPolicy }),
    ...(settings.resources ? { resources: settings.resources } : {}),
    command: ['/bin/sh', '-c', WAIT],
    workingDir: VOLUME,
    securityContext: settings.securityContext ?? securityContext(WRITES),
    volumeMounts: [{ name: 'volume', mountPath: VOLUME }],
  };
  return podObject(mover, {
    containers: [container],
    volumes: [{ name: 'volume', persistentVolumeClaim: { claimName: claim.claim } }],
  });
}
