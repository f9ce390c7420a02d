import type { Json, RawNumber } from '../../contracts/json.ts';
import { mayHaveWrongKey, parseTokens } from './escaped-keys.ts';

/** The part of the JSON object that the library declarations of ES2023 do not know yet. */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}

const json = JSON as unknown as JsonWithSource;

/**
 * Finds what may be a number with a fraction, an exponent, sixteen digits or a negative zero. May also match inside of strings: that costs
 * time only. Never misses one: outside of strings a number follows `:` after a key, `[`, `,` or the beginning.
 */
const SUSPECT_NUMBER = /(?:^|"\s*:|[[,])\s*-?(?:\d{16}|\d+[.eE]|(?<=-)0)/;

/**
 * Reads JSON so that `stringifyLossless` writes the same values: a number that a double does not write back as it was read becomes a
 * `RawNumber`. A key `__proto__` is an own property like any other. Throws SyntaxError.
 */
export function parseLossless(text: string): Json {
  const value = SUSPECT_NUMBER.test(text) ? parseWithSource(text) : (JSON.parse(text) as Json);
  return mayHaveWrongKey(text, value) ? parseTokens(text, readNumber) : value;
}

function parseWithSource(text: string): Json {
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? readNumber(source) : value,
  ) as Json;
}

function readNumber(source: string): Json {
  const value = Number(source);
  return String(value) === source ? value : json.rawJSON(source);
}

/** Writes JSON without white space, each `RawNumber` as it was read. */
export function stringifyLossless(value: Json): string {
  return JSON.stringify(value);
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}
