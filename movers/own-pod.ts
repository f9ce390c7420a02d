import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../contracts/resource.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { whyNotStarted } from './pod-events.ts';
import { MANAGED_BY, moverName, placeOf, type PodOfTask, type PodOnNode } from './pod-frame.ts';
import { podState, type PodState } from './pod-state.ts';

export const FIELD_MANAGER = 'holdfast-mover';
const START_TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 1000;
/** A pod whose node answers is gone long before. */
const REMOVAL_MS = 60_000;

/** The pod of a task in the cluster. Every method refuses a pod of the same name that is somebody else's, with `Forbidden`. */
export class OwnPod {
  readonly ref: ObjectRef;
  readonly #cluster: Cluster;
  readonly #pod: PodOfTask | PodOnNode;
  readonly #where: string;

  constructor(cluster: Cluster, pod: PodOfTask | PodOnNode) {
    this.#cluster = cluster;
    this.#pod = pod;
    const { namespace, subject } = placeOf(pod);
    this.ref = { type: coreType('Pod', 'pods'), namespace, name: moverName(pod.task.id) };
    this.#where = `mover of ${subject}`;
  }

  async get(signal: AbortSignal): Promise<JsonObject | undefined> {
    const pod = (await this.#cluster.get(this.ref, { signal }))?.object;
    if (!pod || textAt(pod, 'metadata', 'labels', MANAGED_BY.name) === MANAGED_BY.value) return pod;
    throw new HoldfastError(FailureType.Forbidden, `${this.#where}: the pod ${this.ref.name} is not Holdfast's`, {
      advice: 'delete it or rename it',
    });
  }

  /** Creates it, or takes the one that is there. */
  async create(pod: JsonObject, signal: AbortSignal): Promise<void> {
    try {
      await this.#cluster.create(this.ref, pod, { fieldManager: FIELD_MANAGER, signal });
    } catch (error) {
      if (!(error instanceof HoldfastError && error.type === FailureType.AlreadyExists)) throw error;
    }
  }

  /** Looks until `isEnough` takes what it sees, and gives that. `Unavailable` when it does not start in time. */
  async watch(isEnough: (state: PodState) => boolean | Promise<boolean>, signal: AbortSignal): Promise<PodState> {
    const { settings } = this.#pod;
    const deadline = performance.now() + (settings.startTimeoutMs ?? START_TIMEOUT_MS);
    for (;;) {
      const pod = await this.get(signal);
      const state: PodState = pod ? podState(pod) : { kind: 'lost', reason: 'it was deleted' };
      if (await isEnough(state)) return state;
      if (pod && state.kind === 'waiting' && performance.now() > deadline) {
        const reason = state.reason === '' ? await whyNotStarted(this.#cluster, pod, signal) : state.reason;
        throw this.unavailable(`its pod has not started: ${reason}`, 'look at the pod with kubectl describe');
      }
      await delay(settings.pollMs ?? POLL_MS, undefined, { signal });
    }
  }

  /** Deletes it, with what else is named, and returns when it is gone. Rejects after a minute when the pod's node does not answer. */
  async remove(signal?: AbortSignal, ...more: readonly ObjectRef[]): Promise<void> {
    const limit = AbortSignal.timeout(REMOVAL_MS);
    const own = { signal: signal ? AbortSignal.any([signal, limit]) : limit };
    await this.get(own.signal);
    await Promise.all([this.ref, ...more].map((ref) => this.#cluster.delete(ref, own)));
    while (await this.#cluster.get(this.ref, own)) await delay(this.#pod.settings.pollMs ?? POLL_MS, undefined, own);
  }

  unavailable(message: string, advice: string): HoldfastError {
    return new HoldfastError(FailureType.Unavailable, `${this.#where}: ${message}`, { advice });
  }
}

export function coreType(kind: string, resource: string): ResourceType {
  return { group: '', version: 'v1', kind, resource, namespaced: true };
}
