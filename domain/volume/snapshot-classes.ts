import type { JsonObject } from '../../contracts/json.ts';
import { textAt } from '../resource/fields.ts';

const DEFAULT = 'snapshot.storage.kubernetes.io/is-default-class';
/** Velero's mark of the class that backups shall use. */
const CHOSEN = 'velero.io/csi-volumesnapshot-class';

/** Driver to the VolumeSnapshotClass that backups use: the marked one, else the driver's default, else the first by name. */
export function snapshotClasses(classes: readonly JsonObject[]): ReadonlyMap<string, string> {
  const ranked = classes
    .map((object) => ({ name: textAt(object, 'metadata', 'name'), driver: textAt(object, 'driver'), rank: rankOf(object) }))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
  const chosen = new Map<string, string>();
  for (const { driver, name } of ranked) if (!chosen.has(driver)) chosen.set(driver, name);
  return chosen;
}

function rankOf(object: JsonObject): number {
  if (textAt(object, 'metadata', 'labels', CHOSEN) === 'true') return 0;
  return textAt(object, 'metadata', 'annotations', DEFAULT) === 'true' ? 1 : 2;
}
