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
  // Creation times have whole seconds.
  const began = serverTime.slice(0, 19);
  if (textAt(live, 'metadata', 'creationTimestamp').slice(0, 19) < began) return false;
  return listAt(live, 'metadata', 'managedFields').some((entry) => textAt(entry, 'manager') === fieldManager(restoreName));
}
