import type { JsonObject } from '../../../contracts/json.ts';
import { changeAt, isList, isObject, without } from '../fields.ts';

/** What the API server or a deletion writes; `ownerReferences` hold uids of the old cluster, `withOwners` puts them back. */
const SERVER_FIELDS = [
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'ownerReferences',
];
/** Finalizers that stand for a deletion under way. */
const DELETION_FINALIZERS: ReadonlySet<unknown> = new Set(['foregroundDeletion', 'orphan']);

/** Every kind: metadata as a user would write it, no status. Names, labels, annotations, generateName and finalizers stay. */
export function resetMetadata(object: JsonObject): JsonObject {
  const reset = changeAt(without(object, ['status']), ['metadata'], (metadata) =>
    isObject(metadata) ? without(metadata, SERVER_FIELDS) : metadata,
  );
  return changeAt(reset, ['metadata', 'finalizers'], (finalizers) => {
    if (!isList(finalizers)) return finalizers;
    const kept = finalizers.filter((finalizer) => !DELETION_FINALIZERS.has(finalizer));
    if (kept.length === finalizers.length) return finalizers;
    return kept.length === 0 ? undefined : kept;
  });
}
