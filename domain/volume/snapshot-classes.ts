import type { JsonObject } from '../../contracts/json.ts';
import { textAt } from '../resource/fields.ts';

/** What says that a class is its driver's default, and Velero's mark of the class that backups shall use. */
const DEFAULTS = ['snapshot.storage.kubernetes.io/is-default-class', 'groupsnapshot.storage.kubernetes.io/is-default-class'];
const CHOSEN = ['velero.io/csi-volumesnapshot-class', 'velero.io/csi-volumegroupsnapshot-class'];

/** Driver to the class that backups use, of snapshots or of group snapshots: the marked one, else the driver's default, else the first by name. */
export function snapshotClasses(classes: readonly JsonObject[]): ReadonlyMap<string, string> {
  const ranked = classes
    .map((object) => ({ name: textAt(object, 'metadata', 'name'), driver: textAt(object, 'driver'), rank: rankOf(object) }))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
  const chosen = new Map<string, string>();
  for (const { driver, name } of ranked) if (!chosen.has(driver)) chosen.set(driver, name);
  return chosen;
}

function rankOf(object: JsonObject): number {
  if (CHOSEN.some((mark) => textAt(object, 'metadata', 'labels', mark) === 'true')) return 0;
  return DEFAULTS.some((mark) => textAt(object, 'metadata', 'annotations', mark) === 'true') ? 1 : 2;
}
