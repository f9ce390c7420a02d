import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { snapshotClasses } from '../../domain/volume/snapshot-classes.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { listAll } from '../capture/list-all.ts';

/** Driver to class; empty where the cluster has no such snapshots, or does not let us see their classes. */
export async function classesOf(
  cluster: Cluster,
  resource: 'volumesnapshotclasses' | 'volumegroupsnapshotclasses',
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { types } = await cluster.discover({ signal });
  const type = types.find((served) => served.group.endsWith('snapshot.storage.k8s.io') && served.resource === resource);
  if (!type) return new Map();
  try {
    return snapshotClasses(await listAll(cluster, { type }, signal));
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.Forbidden) return new Map();
    throw error;
  }
}
