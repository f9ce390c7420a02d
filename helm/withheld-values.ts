import type { Json, JsonObject } from '../contracts/json.ts';
import { isList, isObject } from '../domain/resource/fields.ts';

/** Shorter ones are words that messages are made of. */
const MIN_LENGTH = 8;

/** A message without the texts that a user gave as values: what refuses a value may quote it, and it may be a secret. */
export function withoutValues(message: string, values: JsonObject): string {
  const withheld = textsIn(values).flatMap((text) => [text, Buffer.from(text).toString('base64')]);
  // Longer ones first: one may hold another.
  return [...new Set(withheld)].sort((a, b) => b.length - a.length).reduce((text, value) => text.replaceAll(value, '***'), message);
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return value.length >= MIN_LENGTH ? [value] : [];
  if (isList(value)) return value.flatMap(textsIn);
  if (!isObject(value)) return [];
  return Object.values(value).flatMap((child) => (child === undefined ? [] : textsIn(child)));
}
