import type { Json, JsonObject } from '../../contracts/json.ts';
import { sameNumber } from './decimal.ts';
import { isRawNumber } from './lossless.ts';

/**
 * Whether two JSON values mean the same: the order of keys does not matter, a key whose value is undefined is absent, and numbers are
 * compared by their exact decimal value, so that `1.0` equals `1` and 9007199254740993 differs from 9007199254740992.
 */
export function deepEqual(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (typeof left === 'number' || typeof right === 'number' || isRawNumber(left) || isRawNumber(right)) return equalNumbers(left, right);
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) return equalArrays(left, right);
  return equalObjects(left as JsonObject, right as JsonObject);
}

function equalNumbers(left: Json | undefined, right: Json | undefined): boolean {
  const [a, b] = [numberText(left), numberText(right)];
  return a !== undefined && b !== undefined && sameNumber(a, b);
}

function numberText(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return String(value);
  return isRawNumber(value) ? value.rawJSON : undefined;
}

function equalArrays(left: Json, right: Json): boolean {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
  return left.every((item: Json, index) => deepEqual(item, right[index] as Json));
}

function equalObjects(left: JsonObject, right: JsonObject): boolean {
  const keys = presentKeys(left);
  if (keys.length !== presentKeys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && deepEqual(left[key], right[key]));
}

function presentKeys(object: JsonObject): string[] {
  return Object.keys(object).filter((key) => object[key] !== undefined);
}
