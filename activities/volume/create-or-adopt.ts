import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';

const FIELD_MANAGER = 'holdfast';

/** Creates what the run needs for itself; what an earlier attempt has made is taken as it is. Its name is no other run's. */
export async function createOrAdopt(
  { cluster, pulse }: { readonly cluster: Cluster; readonly pulse: { readonly signal: AbortSignal } },
  ref: ObjectRef,
  object: JsonObject,
): Promise<void> {
  try {
    await cluster.create(ref, object, { fieldManager: FIELD_MANAGER, signal: pulse.signal });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type !== FailureType.AlreadyExists) throw error;
  }
}
