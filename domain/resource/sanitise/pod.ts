import type { Json, JsonObject } from '../../../contracts/json.ts';
import type { ResourceType } from '../../../contracts/resource.ts';
import { changeAt, changeEach, field, isList, isObject, listAt, textAt, without } from '../fields.ts';
import { podTemplatePath } from '../pod-spec.ts';
import { resourceKey } from '../identity.ts';

/** Where the pod ran and what admission derives again: priority and preemption from its class. Ephemeral containers cannot be created. */
const ASSIGNED_FIELDS = ['nodeName', 'priority', 'preemptionPolicy', 'ephemeralContainers'];
const CONTAINER_LISTS = ['containers', 'initContainers'];

/** Pod: not bound to a node, without the token volumes that admission injects again with names of its own. */
export function sanitisePod(pod: JsonObject): JsonObject {
  const spec = field(pod, 'spec');
  if (!isObject(spec)) return pod;
  const tokens = new Set(
    listAt(spec, 'volumes')
      .filter((volume) => isInjectedToken(volume, spec))
      .map((volume) => textAt(volume, 'name')),
  );
  const unbound = without(spec, ASSIGNED_FIELDS);
  if (tokens.size === 0) return unbound === spec ? pod : { ...pod, spec: unbound };
  const isToken = (item: Json): boolean => tokens.has(textAt(item, 'name'));
  const volumes = withoutItems(unbound, 'volumes', isToken);
  const cleaned = CONTAINER_LISTS.reduce(
    (current, list) => changeEach(current, [list], (container) => withoutItems(container, 'volumeMounts', isToken)),
    volumes,
  );
  return { ...pod, spec: cleaned };
}

/** Kinds with a pod template: the template's own metadata bears no creation time (older servers wrote null). */
export function sanitisePodTemplate(object: JsonObject, type: ResourceType): JsonObject {
  const path = podTemplatePath(type);
  if (path === undefined) return object;
  const drop = (current: JsonObject, at: readonly string[]): JsonObject =>
    changeAt(current, [...at, 'metadata'], (metadata) => (isObject(metadata) ? without(metadata, ['creationTimestamp']) : metadata));
  const cleaned = drop(object, path);
  return resourceKey(type) === 'cronjobs.batch' ? drop(cleaned, ['spec', 'jobTemplate']) : cleaned;
}

/** `kube-api-access-xxxxx` (projected) and, from servers before 1.21, `<account>-token-xxxxx` (secret). */
function isInjectedToken(volume: Json, spec: JsonObject): boolean {
  const name = textAt(volume, 'name');
  if (name.startsWith('kube-api-access-')) return field(volume, 'projected') !== undefined;
  const account = textAt(spec, 'serviceAccountName') || 'default';
  return field(volume, 'secret') !== undefined && name.startsWith(`${account}-token-`) && /-token-[a-z0-9]{5}$/.test(name);
}

function withoutItems(object: JsonObject, key: string, drop: (item: Json) => boolean): JsonObject {
  return changeAt(object, [key], (items) => {
    if (!isList(items)) return items;
    const kept = items.filter((item) => !drop(item));
    return kept.length === 0 ? undefined : kept;
  });
}
