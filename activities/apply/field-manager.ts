import type { JsonObject } from '../../contracts/json.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';

/** The longest name of a field manager that the API server takes. */
const MAX_LENGTH = 128;

/** The field manager of one restore: `kubectl get --show-managed-fields` tells which restore wrote an object. */
export function fieldManager(restoreName: string): string {
  return `holdfast/${restoreName}`.slice(0, MAX_LENGTH);
}

/** Whether this restore created the live object: made since it began, under its name. An earlier attempt's work is recognised by it. */
export function isOwnWork(live: JsonObject, restoreName: string, serverTime: string): boolean {
  if (!isMadeSince(live, serverTime)) return false;
  return listAt(live, 'metadata', 'managedFields').some((entry) => textAt(entry, 'manager') === fieldManager(restoreName));
}

/**
 * Whether this restore may have created the live object: its own work, or made since it began and without any field, such as an empty ConfigMap, of
 * which the API server notes no manager.
 */
export function mayBeOwnWork(live: JsonObject, restoreName: string, serverTime: string): boolean {
  if (isOwnWork(live, restoreName, serverTime)) return true;
  return isMadeSince(live, serverTime) && listAt(live, 'metadata', 'managedFields').length === 0;
}

/** Whether the live object was made at that time of the API server's or later; within the second, since creation times have no parts of it. */
export function isMadeSince(live: JsonObject, serverTime: string): boolean {
  return textAt(live, 'metadata', 'creationTimestamp').slice(0, 19) >= serverTime.slice(0, 19);
}
