import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';

/** Deleting one of these deletes more than the object. */
const HOLDERS: ReadonlyMap<string, string> = new Map([
  ['customresourcedefinitions.apiextensions.k8s.io', 'deleting it would delete every custom resource of its kind'],
  ['namespaces', 'deleting it would delete everything in it'],
  ['persistentvolumeclaims', 'deleting it would delete its data'],
  ['persistentvolumes', 'deleting it could delete its data'],
]);

/** Why policy `replace` updates a live object in place instead of deleting it; '' when it may be deleted. */
export function keptOnReplace(live: JsonObject, type: ResourceType): string {
  const key = resourceKey(type);
  const deletesClaims =
    key === 'statefulsets.apps' && textAt(live, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted') === 'Delete';
  const why = deletesClaims ? 'deleting it would delete its claims' : HOLDERS.get(key);
  return why === undefined ? '' : `updated in place: ${why}`;
}
