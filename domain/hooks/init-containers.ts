import type { RestoreHookRule } from '../../contracts/hook.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { changeAt, isObject, listAt, objectAt, textAt } from '../resource/fields.ts';
import { parseCommand } from './command.ts';
import { inScope } from './scope.ts';

const PREFIX = 'init.hook.restore.velero.io/';
const NAME = 'holdfast-restore-init';

/**
 * The init containers that a restore puts before a pod's own: the one that its annotations ask for, else those of every rule that is for it.
 * The annotated one sees what the pod's first container mounts: annotations cannot say more. `namespace` is the one that it is restored to.
 */
export function initContainersOf(pod: JsonObject, namespace: string, rules: readonly RestoreHookRule[]): readonly JsonObject[] {
  const own = annotated(pod);
  if (own) return [own];
  return rules
    .filter((rule) => inScope(rule, namespace, objectAt(pod, 'metadata', 'labels')))
    .flatMap(({ initContainers }) => initContainers);
}

/** The pod with these containers before its own init containers; one that it has under the same name already is not added again. */
export function withInitContainers(pod: JsonObject, containers: readonly JsonObject[]): JsonObject {
  const own = listAt(pod, 'spec', 'initContainers');
  const names = new Set(own.map((container) => textAt(container, 'name')));
  const added: readonly Json[] = containers.filter((container) => !names.has(textAt(container, 'name')));
  if (added.length === 0) return pod;
  return changeAt(pod, ['spec'], (spec) => (isObject(spec) ? { ...spec, initContainers: [...added, ...own] } : spec));
}

function annotated(pod: JsonObject): JsonObject | undefined {
  const values = objectAt(pod, 'metadata', 'annotations');
  const image = textAt(values, `${PREFIX}container-image`);
  const command = textAt(values, `${PREFIX}command`);
  if (image === '' || command === '') return undefined;
  const volumeMounts = listAt(listAt(pod, 'spec', 'containers')[0], 'volumeMounts');
  return {
    name: textAt(values, `${PREFIX}container-name`) || NAME,
    image,
    command: parseCommand(command),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
  };
}
