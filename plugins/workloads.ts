import type { JsonObject } from '../contracts/json.ts';
import { field, listAt, textAt } from '../domain/resource/fields.ts';
import { nameOf } from './pod-containers.ts';
import type { QuiesceSubject, Workload } from './plugin.ts';

/** The owner that controls an object; undefined when none does. */
export function controllerOf(object: JsonObject): { readonly kind: string; readonly name: string } | undefined {
  const owner = listAt(object, 'metadata', 'ownerReferences').find((reference) => field(reference, 'controller') === true);
  return owner === undefined ? undefined : { kind: textAt(owner, 'kind'), name: textAt(owner, 'name') };
}

/** The workloads that an object comes from, nearest first: of a pod its ReplicaSet and that one's Deployment. */
export function workloadsAbove(object: JsonObject, { workloads }: Pick<QuiesceSubject, 'workloads'>): readonly Workload[] {
  const above: Workload[] = [];
  for (let owner = controllerOf(object); owner; owner = controllerOf(above.at(-1)?.object ?? {})) {
    const { kind, name } = owner;
    const found = workloads.find((workload) => workload.type.kind === kind && nameOf(workload.object) === name);
    if (!found || above.includes(found)) break;
    above.push(found);
  }
  return above;
}
