import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { dropAt, objectAt, textAt } from '../resource/fields.ts';
import { groupOf } from '../resource/identity.ts';

/** The workloads whose number of replicas an autoscaler sets: `namespace/group/Kind/name`. */
export function autoscaled(autoscalers: readonly JsonObject[]): ReadonlySet<string> {
  return new Set(
    autoscalers.map((autoscaler) => {
      const target = objectAt(autoscaler, 'spec', 'scaleTargetRef');
      const { kind, name } = { kind: textAt(target, 'kind'), name: textAt(target, 'name') };
      return keyOf({ namespace: textAt(autoscaler, 'metadata', 'namespace'), group: groupOf(textAt(target, 'apiVersion')), kind, name });
    }),
  );
}

/** Without the number of replicas, where an autoscaler sets it. */
export function withoutDrivenReplicas(object: JsonObject, type: ResourceType, driven: ReadonlySet<string>): JsonObject {
  const at = (key: string): string => textAt(object, 'metadata', key);
  const key = keyOf({ namespace: at('namespace'), group: type.group, kind: type.kind, name: at('name') });
  return driven.has(key) ? dropAt(object, ['spec'], ['replicas']) : object;
}

function keyOf(target: { readonly namespace: string; readonly group: string; readonly kind: string; readonly name: string }): string {
  return `${target.namespace}/${target.group}/${target.kind}/${target.name}`;
}
