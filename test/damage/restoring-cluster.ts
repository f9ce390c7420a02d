import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { listingCluster } from '../support/fake-cluster.ts';

export interface RestoringCluster extends Cluster {
  /** What was created, by `plural/namespace/name`. */
  readonly objects: ReadonlyMap<string, JsonObject>;
}

/** An empty cluster that keeps what is created in it: for what a restore does with a damaged backup. The real one is in test/e2e. */
export function restoringCluster(): RestoringCluster {
  const objects = new Map<string, JsonObject>();
  const keyOf = ({ type, namespace, name }: ObjectRef): string => `${type.resource}/${namespace}/${name}`;
  return {
    ...listingCluster(new Map()),
    objects,
    get: (ref) => {
      const object = objects.get(keyOf(ref));
      return Promise.resolve(object && { object, bytes: Buffer.from(JSON.stringify(object)) });
    },
    create: (ref, object) => {
      if (objects.has(keyOf(ref))) return Promise.reject(new HoldfastError('AlreadyExists', keyOf(ref)));
      objects.set(keyOf(ref), object);
      return Promise.resolve();
    },
  };
}
