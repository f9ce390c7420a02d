import type { DiscoveredType, ObjectRef } from '../../contracts/resource.ts';
import type { ManifestObject } from '../../domain/helm/manifest-objects.ts';
import { groupOf } from '../../domain/resource/identity.ts';

/** Where an object of a release is in the cluster, when the release moves from one namespace to another; undefined when its kind is not served. */
export function refOf(
  { apiVersion, kind, namespace, name }: ManifestObject,
  types: readonly DiscoveredType[],
  move: { readonly from: string; readonly to: string },
): ObjectRef | undefined {
  const type = types.find((candidate) => candidate.kind === kind && candidate.group === groupOf(apiVersion));
  if (!type) return undefined;
  const own = namespace === '' || namespace === move.from ? move.to : namespace;
  return { type, namespace: type.namespaced ? own : '', name };
}
