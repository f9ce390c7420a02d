import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, objectAt, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';

const STORAGE_GONE = 'its storage went with it (reclaim policy Delete): the claim gets a new volume';
const REFILLED = 'its data is in the backup: the claim gets a new volume, and what may be left of this one is not touched';

/**
 * Why a PersistentVolume that a provisioner has made is not restored where the cluster no longer has it; '' when it is. Its claim must then not
 * name it. Either it was deleted together with its storage, and an object restored for it would promise data that is gone; or `refills` says that
 * the restore brings its claim's data: on the old storage that would be written over whatever has outlived the cluster, and where that is lost,
 * no pod could ever mount it. A volume that somebody has made by hand comes back as it was: nobody else would make it again.
 */
export function provisionedAnew(
  volume: JsonObject,
  type: ResourceType,
  { refills }: { readonly refills: (namespace: string, claim: string) => boolean },
): string {
  if (resourceKey(type) !== 'persistentvolumes') return '';
  if (field(volume, 'metadata', 'annotations', 'pv.kubernetes.io/provisioned-by') === undefined) return '';
  if (textAt(volume, 'spec', 'persistentVolumeReclaimPolicy') === 'Delete') return STORAGE_GONE;
  const claim = objectAt(volume, 'spec', 'claimRef');
  return refills(textAt(claim, 'namespace'), textAt(claim, 'name')) ? REFILLED : '';
}
