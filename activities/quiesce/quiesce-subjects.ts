import type { JsonObject } from '../../contracts/json.ts';
import type { PlannedVolume } from '../../contracts/volume.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { QuiesceSubject, Workload } from '../../plugins/plugin.ts';

interface Objects {
  readonly pods: readonly JsonObject[];
  readonly workloads: readonly Workload[];
  readonly claims: readonly JsonObject[];
  readonly volumes: readonly PlannedVolume[];
}

/** What plugins look at, namespace by namespace. */
export function subjectsOf({ pods, workloads, claims, volumes }: Objects): readonly QuiesceSubject[] {
  const namespaces = [...new Set([...pods, ...workloads.map(({ object }) => object)].map(namespaceOf))].sort();
  return namespaces.map((namespace) => {
    const own = (object: JsonObject): boolean => namespaceOf(object) === namespace;
    return {
      namespace,
      pods: pods.filter(own),
      workloads: workloads.filter(({ object }) => own(object)),
      claims: claims.filter(own),
      methods: Object.fromEntries(volumes.filter((volume) => volume.namespace === namespace).map(({ claim, method }) => [claim, method])),
    };
  });
}

function namespaceOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'namespace');
}
