import type { JsonObject } from '../../contracts/json.ts';
import type { CapturedReferences } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { isBuiltinGroup } from './builtin.ts';
import { listAt, textAt } from './fields.ts';
import { resourceKey } from './identity.ts';
import { podSpecOf } from './pod-spec.ts';

const FIELDS = [
  'customResourceDefinitions',
  'namespaces',
  'storageClasses',
  'persistentVolumes',
  'priorityClasses',
  'clusterRoles',
  'serviceAccounts',
] as const satisfies readonly (keyof CapturedReferences)[];

type Found = Partial<CapturedReferences>;

/** What one captured object points at. Each name once, sorted. */
export function referencesOf(object: JsonObject, type: ResourceType): CapturedReferences {
  const namespace = textAt(object, 'metadata', 'namespace');
  return mergeReferences([
    isBuiltinGroup(type.group) ? {} : { customResourceDefinitions: [resourceKey(type)] },
    namespace === '' ? {} : { namespaces: [namespace] },
    ofKind(object, type, namespace),
    ofPodSpec(podSpecOf(object, type) ?? {}, namespace),
  ]);
}

/** The union, each name once, sorted; all empty for no references. */
export function mergeReferences(references: Iterable<Partial<CapturedReferences>>): CapturedReferences {
  const all = [...references];
  const sorted = FIELDS.map((name) => {
    const values = new Set(all.flatMap((one) => one[name] ?? []));
    values.delete('');
    return [name, [...values].sort()] as const;
  });
  return Object.fromEntries(sorted) as Record<(typeof FIELDS)[number], string[]>;
}

function ofKind(object: JsonObject, type: ResourceType, namespace: string): Found {
  switch (resourceKey(type)) {
    case 'persistentvolumeclaims':
      return {
        storageClasses: [textAt(object, 'spec', 'storageClassName')],
        // Before a claim is bound its volumeName is a wish, not a fact.
        persistentVolumes: textAt(object, 'status', 'phase') === 'Bound' ? [textAt(object, 'spec', 'volumeName')] : [],
      };
    case 'persistentvolumes':
      return { storageClasses: [textAt(object, 'spec', 'storageClassName')] };
    case 'statefulsets.apps':
      return { storageClasses: listAt(object, 'spec', 'volumeClaimTemplates').map((claim) => textAt(claim, 'spec', 'storageClassName')) };
    case 'rolebindings.rbac.authorization.k8s.io':
    case 'clusterrolebindings.rbac.authorization.k8s.io':
      return textAt(object, 'roleRef', 'kind') === 'ClusterRole' ? { clusterRoles: [textAt(object, 'roleRef', 'name')] } : {};
    case 'serviceaccounts':
      return { serviceAccounts: [`${namespace}/${textAt(object, 'metadata', 'name')}`] };
    default:
      return {};
  }
}

function ofPodSpec(spec: JsonObject, namespace: string): Found {
  const account = textAt(spec, 'serviceAccountName');
  return {
    priorityClasses: [textAt(spec, 'priorityClassName')],
    serviceAccounts: account === '' || namespace === '' ? [] : [`${namespace}/${account}`],
    // A generic ephemeral volume is a claim template inside the pod.
    storageClasses: listAt(spec, 'volumes').map((volume) => textAt(volume, 'ephemeral', 'volumeClaimTemplate', 'spec', 'storageClassName')),
  };
}
