import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { Cluster, RawObject } from '../../kubernetes/port.ts';

/** What becomes of one pod: its states, one for each look at it, the last for good; and its log, one for each time it is read, the last for good. */
export interface PodScript {
  readonly states: readonly (JsonObject | 'gone')[];
  readonly logs?: readonly (readonly string[] | Error)[];
}

export interface ScriptedCluster extends Cluster {
  /** What was done, in order: `apply secrets`, `create pods`, `delete pods`... */
  readonly calls: string[];
  readonly created: JsonObject[];
  readonly applied: JsonObject[];
  /** What is there now, by resource and name. */
  readonly objects: Map<string, JsonObject>;
}

export const waiting = (reason = 'ContainerCreating', message = ''): JsonObject => ({
  phase: 'Pending',
  containerStatuses: [{ state: { waiting: { reason, message } } }],
});
export const running: JsonObject = { phase: 'Running', containerStatuses: [{ state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }] };
export const ended = (exitCode: number, reason = 'Completed'): JsonObject => ({
  phase: exitCode === 0 ? 'Succeeded' : 'Failed',
  containerStatuses: [{ state: { terminated: { exitCode, reason } } }],
});
export const evicted: JsonObject = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };

/** A cluster in which the pods that are created, one after the other, do what they are told. Everything else is refused. */
export function scriptedCluster(pods: readonly PodScript[], events: readonly JsonObject[] = []): ScriptedCluster {
  const refuse = (): never => {
    throw new HoldfastError('BadInput', 'the scripted cluster knows pods only');
  };
  const calls: string[] = [];
  const created: JsonObject[] = [];
  const applied: JsonObject[] = [];
  const objects = new Map<string, JsonObject>();
  const looks = new Map<number, number>();
  const reads = new Map<number, number>();
  const keyOf = ({ type, name }: Pick<ObjectRef, 'type' | 'name'>) => `${type.resource}/${name}`;
  const next = <T>(list: readonly T[], counts: Map<number, number>, pod: number): T | undefined => {
    const at = counts.get(pod) ?? 0;
    counts.set(pod, at + 1);
    return list[Math.min(at, list.length - 1)];
  };
  return {
    name: 'scripted',
    ...{ calls, created, applied, objects },
    get: (ref, options) => {
      options?.signal?.throwIfAborted();
      const found = objects.get(keyOf(ref));
      if (!found) return Promise.resolve(undefined);
      const pod = created.length - 1;
      const state = ref.type.resource === 'pods' ? next(pods[pod]?.states ?? [], looks, pod) : undefined;
      if (state === 'gone') objects.delete(keyOf(ref));
      return Promise.resolve(state === 'gone' ? undefined : raw({ ...found, ...(state ? { status: state } : {}) }));
    },
    create: (ref, object) => {
      calls.push(`create ${ref.type.resource}`);
      created.push(object);
      objects.set(keyOf(ref), { ...object, metadata: { ...(object['metadata'] as JsonObject), uid: `uid-${created.length}` } });
      return Promise.resolve();
    },
    apply: (ref, object) => {
      calls.push(`apply ${ref.type.resource}`);
      applied.push(object);
      objects.set(keyOf(ref), object);
      return Promise.resolve(object);
    },
    delete: (ref) => {
      calls.push(`delete ${ref.type.resource}`);
      objects.delete(keyOf(ref));
      return Promise.resolve();
    },
    async *logs(request, options) {
      const pod = created.length - 1;
      const log = next(pods[pod]?.logs ?? [], reads, pod) ?? [];
      calls.push(request.follow ? 'follow log' : 'read log');
      await delay(1);
      options?.signal?.throwIfAborted();
      if (log instanceof Error) throw log;
      yield* log;
    },
    listPage: ({ type }) => {
      if (type.resource !== 'events') refuse();
      return Promise.resolve({ revision: '1', continueToken: '', items: events.map(raw) });
    },
    version: refuse,
    discover: refuse,
    now: refuse,
    patch: refuse,
    watch: refuse,
    exec: refuse,
    close: () => Promise.resolve(),
  };
}

function raw(object: JsonObject): RawObject {
  return { object, bytes: Buffer.from(JSON.stringify(object)) };
}
