import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';

export const PROVISIONED_ANEW = 'its storage went with it (reclaim policy Delete): the claim gets a new volume';

/**
 * True for a PersistentVolume that a provisioner made and that is deleted together with its storage: when the cluster no longer has it, an
 * object restored for it would promise data that is gone. Its claim must then not name it.
 */
export function isProvisionedAnew(volume: JsonObject, type: ResourceType): boolean {
  if (resourceKey(type) !== 'persistentvolumes') return false;
  const provisioned = field(volume, 'metadata', 'annotations', 'pv.kubernetes.io/provisioned-by') !== undefined;
  return provisioned && textAt(volume, 'spec', 'persistentVolumeReclaimPolicy') === 'Delete';
}
