import type { JsonObject } from '../../contracts/json.ts';
import { field, listAt, textAt } from '../resource/fields.ts';

interface MountingPod {
  readonly name: string;
  readonly node: string;
  /** The controller that made it, or else itself: the same for all pods of one workload. */
  readonly owner: string;
}

/** `namespace/claim` to the pods that mount it and have not ended, by name. */
export function podsByClaim(pods: readonly JsonObject[]): ReadonlyMap<string, readonly MountingPod[]> {
  const found = new Map<string, MountingPod[]>();
  for (const pod of pods) {
    if (['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'))) continue;
    const namespace = textAt(pod, 'metadata', 'namespace');
    const name = textAt(pod, 'metadata', 'name');
    for (const volume of listAt(pod, 'spec', 'volumes')) {
      const claim = textAt(volume, 'persistentVolumeClaim', 'claimName');
      if (claim === '') continue;
      const key = `${namespace}/${claim}`;
      found.set(key, [...(found.get(key) ?? []), { name, node: textAt(pod, 'spec', 'nodeName'), owner: ownerOf(pod) }]);
    }
  }
  for (const mounting of found.values()) mounting.sort((a, b) => (a.name < b.name ? -1 : 1));
  return found;
}

function ownerOf(pod: JsonObject): string {
  const controller = listAt(pod, 'metadata', 'ownerReferences').find((reference) => field(reference, 'controller') === true);
  return textAt(controller, 'uid') || textAt(pod, 'metadata', 'name');
}
