import type { HookTarget } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { field, objectAt, textAt } from '../../domain/resource/fields.ts';
import { ownersOf } from '../../domain/resource/ownership.ts';
import { selectorText } from '../../domain/selection/selector-text.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { isMadeSince } from '../apply/field-manager.ts';
import { PODS, WORKLOADS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';

const APPS: ResourceType = { group: 'apps', version: 'v1', kind: '', resource: '', namespaced: true };
const KINDS: readonly ResourceType[] = [
  PODS,
  ...WORKLOADS,
  { ...APPS, kind: 'DaemonSet', resource: 'daemonsets' },
  { ...APPS, group: 'batch', kind: 'Job', resource: 'jobs' },
  { ...APPS, group: '', kind: 'ReplicationController', resource: 'replicationcontrollers' },
];

/** What there is of a target. */
export interface FoundPods {
  /** Names of the pods that are there now and have not ended. */
  readonly names: readonly string[];
  /** How many there will be. */
  readonly expected: number;
}

/** The pods of a target that came with the restore; none and none expected when the target is older than it, or not there. */
export async function findPods(cluster: Cluster, target: Omit<HookTarget, 'hooks'>, { serverTime, signal }: Since): Promise<FoundPods> {
  const type = KINDS.find(({ kind }) => kind === target.kind);
  if (!type) return { names: [], expected: 0 };
  const ref: ObjectRef = { type, namespace: target.namespace, name: target.name };
  const object = (await cluster.get(ref, { signal }))?.object;
  if (!object || !isMadeSince(object, serverTime)) return { names: [], expected: 0 };
  if (type === PODS) return { names: [target.name], expected: 1 };
  const selector = objectAt(object, 'spec', 'selector');
  const labelSelector = selectorText(target.kind === 'ReplicationController' ? { matchLabels: selector } : selector);
  const pods = await listAll(cluster, { type: PODS, namespace: target.namespace, labelSelector }, signal);
  const alive = pods.filter((pod) => isAlive(pod) && ownersOf(pod).some(({ controller }) => controller));
  return { names: alive.map((pod) => textAt(pod, 'metadata', 'name')).sort(), expected: expectedOf(object, target.kind) };
}

interface Since {
  readonly serverTime: string;
  readonly signal: AbortSignal;
}

function expectedOf(workload: JsonObject, kind: string): number {
  if (kind === 'DaemonSet') return numberAt(workload, 0, 'status', 'desiredNumberScheduled');
  return numberAt(workload, 1, 'spec', kind === 'Job' ? 'parallelism' : 'replicas');
}

function numberAt(object: JsonObject, otherwise: number, ...path: readonly string[]): number {
  const value = field(object, ...path);
  return typeof value === 'number' ? value : otherwise;
}

function isAlive(pod: JsonObject): boolean {
  return field(pod, 'metadata', 'deletionTimestamp') === undefined && !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
}
