import type { JsonObject } from '../../../contracts/json.ts';
import { changeAt, changeEach, dropAt, field, isObject } from '../fields.ts';

/** CustomResourceDefinition: `preserveUnknownFields: true` of old definitions becomes its successor in each version's schema. */
export function sanitiseDefinition(definition: JsonObject): JsonObject {
  if (field(definition, 'spec', 'preserveUnknownFields') !== true) return definition;
  const preserving = changeEach(definition, ['spec', 'versions'], (version) =>
    changeAt(version, ['schema', 'openAPIV3Schema'], (schema) =>
      isObject(schema) ? { ...schema, 'x-kubernetes-preserve-unknown-fields': true } : schema,
    ),
  );
  return dropAt(preserving, ['spec'], ['preserveUnknownFields']);
}

/** Namespace: its finalizers belong to the namespace controller. */
export function sanitiseNamespace(namespace: JsonObject): JsonObject {
  return dropAt(namespace, ['spec'], ['finalizers']);
}
