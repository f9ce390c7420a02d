import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../contracts/resource.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { followPodLog, readPodLog } from './pod-log.ts';
import { MANAGED_BY, moverName, moverPodObject, moverSecretObject, type MoverPod } from './pod-spec.ts';
import { podState, type PodState } from './pod-state.ts';
import type { Ended } from './restic-failure.ts';
import type { ResticOutput } from './restic-output.ts';
import { whyNotStarted } from './pod-events.ts';

const FIELD_MANAGER = 'holdfast-mover';
/** Pods that are killed are replaced so often. */
const REPLACEMENTS = 2;
const START_TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 1000;
/** A pod whose node answers is gone long before. */
const REMOVAL_MS = 60_000;

/** The pod of one task with its Secret, from their creation to their removal. A pod that an earlier attempt left is gone on with. */
export class MoverPodLife {
  readonly #cluster: Cluster;
  readonly #mover: MoverPod;
  readonly #pod: ObjectRef;
  readonly #secret: ObjectRef;
  readonly #where: string;

  constructor(cluster: Cluster, mover: MoverPod) {
    this.#cluster = cluster;
    this.#mover = mover;
    const { namespace, claim } = mover.claim;
    const name = moverName(mover.task.id);
    this.#pod = { type: coreType('Pod', 'pods'), namespace, name };
    this.#secret = { type: coreType('Secret', 'secrets'), namespace, name };
    this.#where = `mover of claim ${namespace}/${claim}`;
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
        throw this.#unavailable(`its pods were killed, the last one: ${reason}`, 'give the movers more memory, or look at the node');
      isLost = true;
    }
  }

  /**
   * Deletes pod and Secret and returns when they are gone. Rejects after a minute when the pod's node does not answer, and at once when the pod is
   * somebody else's.
   */
  async remove(): Promise<void> {
    const options = { signal: AbortSignal.timeout(REMOVAL_MS) };
    await this.#get(options.signal);
    await Promise.all([this.#cluster.delete(this.#pod, options), this.#cluster.delete(this.#secret, options)]);
    await this.#untilGone(options.signal);
  }

  /** The pod is there, new or from an earlier attempt, and one that was killed is not. */
  async #ensurePod(isLost: boolean, signal: AbortSignal): Promise<void> {
    const there = await this.#get(signal);
    const wasLost = isLost || (there !== undefined && podState(there).kind === 'lost');
    if (there && !wasLost && textAt(there, 'metadata', 'deletionTimestamp') === '') return;
    if (there) {
      await this.#cluster.delete(this.#pod, { signal });
      await this.#untilGone(AbortSignal.any([signal, AbortSignal.timeout(REMOVAL_MS)]));
    }
    await this.#create(wasLost, signal);
  }

  /** The Secret first, because the pod needs it; then it is given to the pod, so that none outlives it. */
  async #create(recovers: boolean, signal: AbortSignal): Promise<void> {
    const options = { fieldManager: FIELD_MANAGER, signal };
    const pod = moverPodObject(this.#mover, { recovers });
    await this.#cluster.apply(this.#secret, moverSecretObject(this.#mover), options);
    try {
      await this.#cluster.create(this.#pod, pod, options);
    } catch (error) {
      if (!(error instanceof HoldfastError && error.type === FailureType.AlreadyExists)) throw error;
    }
    const uid = textAt(await this.#get(signal), 'metadata', 'uid');
    if (uid !== '') await this.#cluster.apply(this.#secret, moverSecretObject(this.#mover, uid), options);
  }

  async #follow(output: ResticOutput, signal: AbortSignal): Promise<PodState> {
    const { settings } = this.#mover;
    const deadline = performance.now() + (settings.startTimeoutMs ?? START_TIMEOUT_MS);
    for (;;) {
      const pod = await this.#get(signal);
      if (!pod) return { kind: 'lost', reason: 'it was deleted' };
      const state = podState(pod);
      if (state.kind === 'ended') await this.#readRest(output, signal);
      if (state.kind === 'ended' || state.kind === 'lost') return state;
      if (state.kind === 'running') {
        await followPodLog(this.#cluster, this.#pod, { output, signal, isOver: (own) => this.#isOver(own) });
      } else if (performance.now() > deadline) {
        const reason = state.reason === '' ? await whyNotStarted(this.#cluster, pod, signal) : state.reason;
        throw this.#unavailable(`its pod has not started: ${reason}`, 'look at the pod with kubectl describe');
      }
      await delay(settings.pollMs ?? POLL_MS, undefined, { signal });
    }
  }

  /** The stream may have been cut before the last lines. */
  async #readRest(output: ResticOutput, signal: AbortSignal): Promise<void> {
    const last = output.exit ?? ('host' in this.#mover.task ? output.summary : output.count);
    if (last !== undefined || (await readPodLog(this.#cluster, this.#pod, { output, signal }))) return;
    throw this.#unavailable('its log cannot be read', 'check that the API server reaches the kubelet');
  }

  async #isOver(signal: AbortSignal): Promise<boolean> {
    const pod = await this.#get(signal);
    return !pod || podState(pod).kind !== 'running';
  }

  async #get(signal: AbortSignal): Promise<JsonObject | undefined> {
    const pod = (await this.#cluster.get(this.#pod, { signal }))?.object;
    if (!pod || textAt(pod, 'metadata', 'labels', MANAGED_BY.name) === MANAGED_BY.value) return pod;
    throw new HoldfastError(FailureType.Forbidden, `${this.#where}: the pod ${this.#pod.name} is not Holdfast's`, {
      advice: 'delete it or rename it',
    });
  }

  async #untilGone(signal: AbortSignal): Promise<void> {
    while (await this.#cluster.get(this.#pod, { signal })) await delay(this.#mover.settings.pollMs ?? POLL_MS, undefined, { signal });
  }

  #unavailable(message: string, advice: string): HoldfastError {
    return new HoldfastError(FailureType.Unavailable, `${this.#where}: ${message}`, { advice });
  }
}

function coreType(kind: string, resource: string): ResourceType {
  return { group: '', version: 'v1', kind, resource, namespaced: true };
}
