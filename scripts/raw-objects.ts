import type { Json, JsonObject } from '../contracts/json.ts';

/** Reads into JSON of unknown shape; undefined where there is nothing. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let here = value;
  for (const key of path) here = isRecord(here) ? here[key] : undefined;
  return here;
}

export function text(value: Json | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function list(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]) : [];
}

/** An object or a RawNumber, not a list. */
export function isRecord(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `ConfigMap shop/settings` */
export function title(object: JsonObject): string {
  const namespace = text(object, 'metadata', 'namespace');
  return `${text(object, 'kind')} ${namespace === '' ? '' : `${namespace}/`}${text(object, 'metadata', 'name')}`;
}
