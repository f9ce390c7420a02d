import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../../contracts/json.ts';
import { deepEqual } from '../../../domain/json/deep-equal.ts';
import { parseLossless } from '../../../domain/json/lossless.ts';

const equal = (left: string, right: string) => deepEqual(parseLossless(left), parseLossless(right));

describe('deepEqual', () => {
  it.each([
    ['1.0', '1'],
    ['1e2', '100'],
    ['100e-2', '1'],
    ['-0', '0'],
    ['0.10', '0.1'],
    ['9223372036854775807', '9223372036854775807.0'],
    ['1e400', '10E399'],
    ['1e21', '1000000000000000000000'],
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"__proto__":1}', '{"__proto__":1.0}'],
  ])('%s equals %s', (left, right) => {
    expect(equal(left, right)).toBe(true);
    expect(equal(`[{"a":${left}}]`, `[{"a":${right}}]`)).toBe(true);
  });

  it.each([
    ['9007199254740993', '9007199254740992'],
    ['9007199254740993', '9007199254740994'],
    ['1e400', '1e401'],
    ['1.0', '-1.0'],
    ['1', '"1"'],
    ['1.0', '"1.0"'],
    ['1.0', '{"rawJSON":"1.0"}'],
    ['null', '{}'],
    ['[]', '{}'],
    ['{}', '[]'],
    ['[1]', '[1,1]'],
    ['[1,2]', '[2,1]'],
    ['{"a":1}', '{"b":1}'],
    ['{"__proto__":1}', '{"__proto__":2}'],
    ['{"__proto__":{}}', '{"toString":{}}'],
    ['{"constructor":{}}', '{}'],
    ['false', '0'],
  ])('%s differs from %s', (left, right) => {
    expect(equal(left, right)).toBe(false);
    expect(equal(right, left)).toBe(false);
  });

  it('treats a key with the value undefined as absent', () => {
    expect(deepEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(deepEqual({ a: undefined }, { b: undefined })).toBe(true);
    expect(deepEqual(undefined, null)).toBe(false);
  });

  it('agrees with the text of values without special numbers', () => {
    const value = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
    fc.assert(fc.property(value, (json) => deepEqual(json, parseLossless(JSON.stringify(json)))));
    fc.assert(
      fc.property(value, value, (left, right) => {
        const sorted = (json: Json) => JSON.stringify(sortKeys(json));
        expect(deepEqual(left, right)).toBe(sorted(left) === sorted(right));
      }),
    );
  });
});

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => sortKeys(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item as Json)]),
  );
}
