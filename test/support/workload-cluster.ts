import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { isObject } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { listingCluster } from './fake-cluster.ts';

export interface WorkloadCluster extends Cluster {
  /** The workload as it is; changing it is what somebody else does. */
  workload: JsonObject;
  pods: JsonObject[];
  /** Patches that arrived, in order. */
  readonly patches: JsonObject[];
  /** Called before each patch is looked at. */
  beforePatch: () => void;
}

/** One workload with a resource version, and pods: patched as an API server does. Its pods go when the count is 0, if `stops`. */
export function workloadCluster(
  workload: JsonObject,
  more: { readonly stops?: boolean; readonly autoscalers?: JsonObject[] } = {},
): WorkloadCluster {
  let version = 1;
  const patches: JsonObject[] = [];
  const cluster: WorkloadCluster = {
    ...listingCluster(new Map()),
    workload: stamped(workload, version),
    pods: [{ metadata: { name: 'web-0', namespace: 'shop' }, status: { phase: 'Running' } }],
    patches,
    beforePatch: () => undefined,
    get: () => Promise.resolve({ object: cluster.workload, bytes: Buffer.from(JSON.stringify(cluster.workload)) }),
    patch: (_ref, patch) => {
      cluster.beforePatch();
      const wanted = (patch['metadata'] as JsonObject)['resourceVersion'];
      if (wanted !== (cluster.workload['metadata'] as JsonObject)['resourceVersion']) {
        return Promise.reject(new HoldfastError('Conflict', 'the object has been modified'));
      }
      patches.push(patch);
      version += 1;
      cluster.workload = stamped(merge(cluster.workload, patch), version);
      if (more.stops !== false && (cluster.workload['spec'] as JsonObject)['replicas'] === 0) cluster.pods = [];
      return Promise.resolve(cluster.workload);
    },
    listPage: ({ type }) => {
      const items = type.resource === 'pods' ? cluster.pods : (more.autoscalers ?? []);
      const raw = items.map((object) => ({ object, bytes: Buffer.from(JSON.stringify(object)) }));
      return Promise.resolve({ revision: '1', continueToken: '', items: raw });
    },
  };
  return cluster;
}

export function merge(object: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, JsonObject[string]> = { ...object };
  for (const [key, value] of Object.entries(patch)) {
    const before = merged[key];
    if (value === null) Reflect.deleteProperty(merged, key);
    else merged[key] = isObject(value) ? merge(isObject(before) ? before : {}, value) : value;
  }
  return merged;
}

function stamped(object: JsonObject, version: number): JsonObject {
  return merge(object, { metadata: { resourceVersion: String(version) } });
}
