import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, isObject, listAt, textAt } from './fields.ts';
import { groupOf, resourceKey } from './identity.ts';

/** One entry of `metadata.ownerReferences`. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** The one controller that manages the object. */
  readonly controller: boolean;
}

/**
 * Kinds that their controller makes again from its own specification. PersistentVolumeClaims are absent for good: a StatefulSet would make
 * them again, empty.
 */
const REMADE_KINDS: ReadonlySet<string> = new Set([
  'pods',
  'replicasets.apps',
  'jobs.batch',
  'controllerrevisions.apps',
  'replicationcontrollers',
]);

export function ownersOf(object: JsonObject): readonly Owner[] {
  return listAt(object, 'metadata', 'ownerReferences').filter(isObject).map(ownerOf);
}

/** Kind, group and name identify an owner across clusters; version and uid do not. */
export function ownerKey(owner: Pick<Owner, 'apiVersion' | 'kind' | 'name'>): string {
  return `${groupOf(owner.apiVersion)}/${owner.kind}/${owner.name}`;
}

/**
 * Why an object is left to its controller; '' when it must be restored. An object whose controller is neither restored nor in the cluster
 * would be lost, so it is restored.
 */
export function controlledReason(object: JsonObject, type: ResourceType, ownerPresent: (owner: Owner) => boolean): string {
  if (!REMADE_KINDS.has(resourceKey(type))) return '';
  const controller = ownersOf(object).find((owner) => owner.controller);
  if (controller === undefined || !ownerPresent(controller)) return '';
  return `made again by ${controller.kind} ${controller.name}`;
}

interface Linked {
  readonly object: JsonObject;
  /** Owners without a uid yet. */
  readonly missing: readonly Owner[];
}

/**
 * The object with the captured owner references, each bound to the uid that its owner has now. References to owners that `uidOf` does not
 * know are left out: the garbage collector deletes an object whose owner's uid does not exist. `controller` and `blockOwnerDeletion` stay.
 */
export function withOwners(object: JsonObject, captured: JsonObject, uidOf: (owner: Owner) => string | undefined): Linked {
  const missing: Owner[] = [];
  const references = listAt(captured, 'metadata', 'ownerReferences').flatMap((reference): readonly Json[] => {
    if (!isObject(reference)) return [];
    const owner = ownerOf(reference);
    const uid = uidOf(owner);
    if (uid !== undefined) return [{ ...reference, uid }];
    missing.push(owner);
    return [];
  });
  const metadata = field(object, 'metadata');
  if (references.length === 0 || !isObject(metadata)) return { object, missing };
  return { object: { ...object, metadata: { ...metadata, ownerReferences: references } }, missing };
}

function ownerOf(reference: JsonObject): Owner {
  return {
    apiVersion: textAt(reference, 'apiVersion'),
    kind: textAt(reference, 'kind'),
    name: textAt(reference, 'name'),
    uid: textAt(reference, 'uid'),
    controller: field(reference, 'controller') === true,
  };
}
