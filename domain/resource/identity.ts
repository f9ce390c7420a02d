import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectId, ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { textAt } from './fields.ts';

/** `deployments.apps`, `pods`: names a kind independently of its version. */
export function resourceKey(type: Pick<ResourceType, 'group' | 'resource'>): string {
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

/** `apps/v1`, `v1`. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The group of an `apiVersion`; '' for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** Where the object lives; the kind comes from `type` because list items of built-in kinds lack apiVersion and kind. */
export function objectRef(object: JsonObject, type: ResourceType): ObjectRef {
  return { type, namespace: textAt(object, 'metadata', 'namespace'), name: textAt(object, 'metadata', 'name') };
}

/** The readable identity of an object, for plans and messages. */
export function objectId(object: JsonObject, type: ResourceType): ObjectId {
  return refId(objectRef(object, type));
}

export function refId(ref: ObjectRef): ObjectId {
  return { apiVersion: apiVersionOf(ref.type), kind: ref.type.kind, namespace: ref.namespace, name: ref.name };
}
