import type { Json, JsonObject } from '../../contracts/json.ts';
import { deepEqual } from '../json/deep-equal.ts';
import { field, isList, isObject } from './fields.ts';

/** Fields named per object; a report is for people. */
const MAX_FIELDS = 20;

/**
 * JSON pointers (RFC 6901) of the fields in which two values differ, at most `MAX_FIELDS`, sorted by where they occur. A field that only
 * one side has is named once, not with everything inside. Values are never part of the result: they may be secret.
 */
export function differingFields(a: Json | undefined, b: Json | undefined): readonly string[] {
  // Most objects are equal, and this says so several times faster.
  if (deepEqual(a, b)) return [];
  const found: string[] = [];
  collect({ a, b, pointer: '' }, found);
  return found;
}

interface Pair {
  readonly a: Json | undefined;
  readonly b: Json | undefined;
  readonly pointer: string;
}

function collect({ a, b, pointer }: Pair, found: string[]): void {
  if (found.length >= MAX_FIELDS || a === b) return;
  if (isObject(a) && isObject(b)) {
    for (const key of keysOf(a, b)) collect({ a: field(a, key), b: field(b, key), pointer: `${pointer}/${escape(key)}` }, found);
  } else if (isList(a) && isList(b)) {
    for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
      collect({ a: a[index], b: b[index], pointer: `${pointer}/${index}` }, found);
    }
  } else if (a === undefined || b === undefined || !deepEqual(a, b)) {
    found.push(pointer);
  }
}

function keysOf(a: JsonObject, b: JsonObject): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
