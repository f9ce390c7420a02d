import type { Json, JsonObject } from '../../contracts/json.ts';

/*
 * Reading and changing JSON without types and without surprises. Reads see own properties only, so that a label called `constructor` or
 * `__proto__` is data like any other; changes copy by spread and `fromEntries`, which define properties and never run a setter.
 */

export function isObject(value: Json | undefined): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(Object.getPrototypeOf(value) === null && Object.isFrozen(value) && Object.hasOwn(value, 'rawJSON'));
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value at a path of own properties; undefined when any step is missing. */
export function field(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let current = value;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

/** The string at a path; '' when there is none. */
export function textAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** The array at a path; empty when there is none. */
export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = field(value, ...path);
  return isList(found) ? found : [];
}

/** The object at a path; empty when there is none. */
export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  const found = field(value, ...path);
  return isObject(found) ? found : {};
}

/** A copy without the keys that `drop` names; the same object when it has none of them. */
export function without(object: JsonObject, drop: readonly string[] | ((key: string) => boolean)): JsonObject {
  const drops = typeof drop === 'function' ? drop : (key: string) => drop.includes(key);
  const entries = Object.entries(object);
  const kept = entries.filter(([key]) => !drops(key));
  return kept.length === entries.length ? object : Object.fromEntries(kept);
}

/** A copy with the value at `path` changed; `undefined` removes it. The same object when the path does not exist. */
export function changeAt(object: JsonObject, path: readonly string[], change: (value: Json) => Json | undefined): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(object, key)) return object;
  const value = object[key];
  if (value === undefined) return object;
  if (rest.length > 0 && !isObject(value)) return object;
  const changed = rest.length > 0 && isObject(value) ? changeAt(value, rest, change) : change(value);
  if (changed === value) return object;
  return changed === undefined ? without(object, [key]) : { ...object, [key]: changed };
}

/** `changeAt` for every object in the array at `path`. */
export function changeEach(object: JsonObject, path: readonly string[], change: (item: JsonObject) => JsonObject): JsonObject {
  return changeAt(object, path, (value) => {
    if (!isList(value)) return value;
    const changed = value.map((item) => (isObject(item) ? change(item) : item));
    return changed.every((item, index) => item === value[index]) ? value : changed;
  });
}

/** A copy without keys of the object at `path`, and without that object when nothing is left of it. */
export function dropAt(object: JsonObject, path: readonly string[], drop: readonly string[] | ((key: string) => boolean)): JsonObject {
  return changeAt(object, path, (value) => {
    if (!isObject(value)) return value;
    const kept = without(value, drop);
    return kept !== value && Object.keys(kept).length === 0 ? undefined : kept;
  });
}
