import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectId, ResourceType } from '../../contracts/resource.ts';
import { compareObjects } from '../resource/compare.ts';
import { objectId, resourceKey } from '../resource/identity.ts';

export interface InventoryObject {
  readonly type: ResourceType;
  readonly object: JsonObject;
}

/** Objects sorted by kind, namespace and name. */
export interface BackupDiff {
  readonly added: readonly ObjectId[];
  readonly removed: readonly ObjectId[];
  /** `fields` are JSON pointers, at most 20; values are never included. */
  readonly changed: readonly { readonly object: ObjectId; readonly fields: readonly string[] }[];
}

/**
 * What changed between two backups, by kind, namespace and name: what a user set, not status or what controllers fill in. Holds
 * both in memory.
 */
export function diffInventories(before: Iterable<InventoryObject>, after: Iterable<InventoryObject>): BackupDiff {
  const old = new Map([...before].map((item) => [inventoryKey(item), item]));
  const current = new Map([...after].map((item) => [inventoryKey(item), item]));
  const keys = [...new Set([...old.keys(), ...current.keys()])].sort();
  const idsOnlyIn = (these: ReadonlyMap<string, InventoryObject>, those: ReadonlyMap<string, InventoryObject>): readonly ObjectId[] =>
    keys.flatMap((key) => {
      const item = these.get(key);
      return item === undefined || those.has(key) ? [] : [objectId(item.object, item.type)];
    });
  const changed = keys.flatMap((key) => {
    const [a, b] = [old.get(key), current.get(key)];
    if (a === undefined || b === undefined) return [];
    const { equal, fields } = compareObjects(a.object, b.object, { type: b.type, preserveNodePorts: true, ownerPresent: () => true });
    return equal ? [] : [{ object: objectId(b.object, b.type), fields }];
  });
  return { added: idsOnlyIn(current, old), removed: idsOnlyIn(old, current), changed };
}

/** Independent of the version, in which the server's preference may change between two backups. */
function inventoryKey({ type, object }: InventoryObject): string {
  const { namespace, name } = objectId(object, type);
  return `${resourceKey(type)}/${namespace}/${name}`;
}
