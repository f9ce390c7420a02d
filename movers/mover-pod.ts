import type { ObjectRef } from '../contracts/resource.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { coreType, FIELD_MANAGER, OwnPod } from './own-pod.ts';
import { followPodLog, readPodLog } from './pod-log.ts';
import { moverPodObject, moverSecretObject, type MoverPod } from './pod-spec.ts';
import { podState, type PodState } from './pod-state.ts';
import type { Ended } from './restic-failure.ts';
import type { ResticOutput } from './restic-output.ts';

/** Pods that are killed are replaced so often. */
const REPLACEMENTS = 2;

/** The pod of one task with its Secret, from their creation to their removal. A pod that an earlier attempt left is gone on with. */
export class MoverPodLife {
  readonly #cluster: Cluster;
  readonly #mover: MoverPod;
  readonly #pod: OwnPod;
  readonly #secret: ObjectRef;

  constructor(cluster: Cluster, mover: MoverPod) {
    this.#cluster = cluster;
    this.#mover = mover;
    this.#pod = new OwnPod(cluster, mover);
    this.#secret = { ...this.#pod.ref, type: coreType('Secret', 'secrets') };
  }

  /** Runs restic in the pod until it has ended by itself. Rejects with `Unavailable` when no pod gets that far. */
  async run(output: ResticOutput, signal: AbortSignal): Promise<Ended> {
    let isLost = false;
    for (let replaced = 0; ; replaced += 1) {
      await this.#ensurePod(isLost, signal);
      const end = await this.#follow(output, signal);
      if (end.kind === 'ended') return { code: end.code, output };
      const reason = end.kind === 'lost' ? end.reason : '';
      if (replaced === REPLACEMENTS)
        throw this.#pod.unavailable(`its pods were killed, the last one: ${reason}`, 'give the movers more memory, or look at the node');
      isLost = true;
    }
  }

  /** Deletes pod and Secret and returns when they are gone. Rejects as `OwnPod.remove` does. */
  async remove(): Promise<void> {
    await this.#pod.remove(undefined, this.#secret);
  }

  /** The pod is there, new or from an earlier attempt, and one that was killed is not. */
  async #ensurePod(isLost: boolean, signal: AbortSignal): Promise<void> {
    const there = await this.#pod.get(signal);
    const wasLost = isLost || (there !== undefined && podState(there).kind === 'lost');
    if (there && !wasLost && textAt(there, 'metadata', 'deletionTimestamp') === '') return;
    if (there) await this.#pod.remove(signal);
    await this.#create(wasLost, signal);
  }

  /** The Secret first, because the pod needs it; then it is given to the pod, so that none outlives it. */
  async #create(recovers: boolean, signal: AbortSignal): Promise<void> {
    const options = { fieldManager: FIELD_MANAGER, signal };
    const pod = moverPodObject(this.#mover, { recovers });
    await this.#cluster.apply(this.#secret, moverSecretObject(this.#mover), options);
    await this.#pod.create(pod, signal);
    const uid = textAt(await this.#pod.get(signal), 'metadata', 'uid');
    if (uid !== '') await this.#cluster.apply(this.#secret, moverSecretObject(this.#mover, uid), options);
  }

  async #follow(output: ResticOutput, signal: AbortSignal): Promise<PodState> {
    return this.#pod.watch(async ({ kind }) => {
      if (kind === 'ended') await this.#readRest(output, signal);
      if (kind === 'running') await followPodLog(this.#cluster, this.#pod.ref, { output, signal, isOver: (own) => this.#isOver(own) });
      return kind === 'ended' || kind === 'lost';
    }, signal);
  }

  /** The stream may have been cut before the last lines. */
  async #readRest(output: ResticOutput, signal: AbortSignal): Promise<void> {
    const last = output.exit ?? ('host' in this.#mover.task ? output.summary : output.count);
    if (last !== undefined || (await readPodLog(this.#cluster, this.#pod.ref, { output, signal }))) return;
    throw this.#pod.unavailable('its log cannot be read', 'check that the API server reaches the kubelet');
  }

  async #isOver(signal: AbortSignal): Promise<boolean> {
    const pod = await this.#pod.get(signal);
    return !pod || podState(pod).kind !== 'running';
  }
}
