import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, isObject } from './fields.ts';
import { resourceKey } from './identity.ts';

/** Where the kinds that make pods keep their pod template (`metadata` and `spec`). */
const TEMPLATE_PATHS: ReadonlyMap<string, readonly string[]> = new Map([
  ['cronjobs.batch', ['spec', 'jobTemplate', 'spec', 'template']],
  ['daemonsets.apps', ['spec', 'template']],
  ['deployments.apps', ['spec', 'template']],
  ['jobs.batch', ['spec', 'template']],
  ['podtemplates', ['template']],
  ['replicasets.apps', ['spec', 'template']],
  ['replicationcontrollers', ['spec', 'template']],
  ['statefulsets.apps', ['spec', 'template']],
]);

/** Path of the pod template inside objects of this kind; undefined for kinds that make no pods, and for pods. */
export function podTemplatePath(type: ResourceType): readonly string[] | undefined {
  return TEMPLATE_PATHS.get(resourceKey(type));
}

/** The specification of the pod that the object is or makes. */
export function podSpecOf(object: JsonObject, type: ResourceType): JsonObject | undefined {
  const path = resourceKey(type) === 'pods' ? [] : podTemplatePath(type);
  if (path === undefined) return undefined;
  const spec = field(object, ...path, 'spec');
  return isObject(spec) ? spec : undefined;
}
