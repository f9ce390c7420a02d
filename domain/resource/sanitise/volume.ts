import type { JsonObject } from '../../../contracts/json.ts';
import { changeAt, dropAt, isObject, textAt, without } from '../fields.ts';

const CLAIM_ANNOTATIONS = [
  'volume.kubernetes.io/selected-node',
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
];

/**
 * PersistentVolumeClaim: unbound, so that it is provisioned anew, unless the volume that it names is restored with it. Binding and
 * provisioning annotations go in both cases: the controllers write them again. `dataSource` is the user's.
 */
export function sanitiseClaim(claim: JsonObject, options: { readonly restoresVolume: (name: string) => boolean }): JsonObject {
  const isOfBinding = (key: string): boolean => key.startsWith('pv.kubernetes.io/') || CLAIM_ANNOTATIONS.includes(key);
  const unannotated = dropAt(claim, ['metadata', 'annotations'], isOfBinding);
  const volume = textAt(claim, 'spec', 'volumeName');
  return volume === '' || options.restoresVolume(volume) ? unannotated : dropAt(unannotated, ['spec'], ['volumeName']);
}

/** PersistentVolume: still reserved for its claim, but for the claim's next incarnation. `provisioned-by` stays, deleting needs it. */
export function sanitiseVolume(volume: JsonObject): JsonObject {
  const unannotated = dropAt(volume, ['metadata', 'annotations'], ['pv.kubernetes.io/bound-by-controller']);
  return changeAt(unannotated, ['spec', 'claimRef'], (claim) => (isObject(claim) ? without(claim, ['uid', 'resourceVersion']) : claim));
}
