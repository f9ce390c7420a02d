import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import { isRawNumber, parseLossless, stringifyLossless } from '../../../domain/json/lossless.ts';

const NUMBERS = ['1.0', '-0', '-0.0', '1e400', '1E5', '9007199254740993', '-9223372036854775808', '18446744073709551615', '0.10', '1e-400'];
const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[1-9][0-9]{${min},${max}}$`));
const numberText = fc.oneof(
  fc.constantFrom(...NUMBERS, '0', '1.5', '-7'),
  digits(0, 25),
  fc.tuple(digits(0, 18), digits(0, 18)).map(([whole, fraction]) => `-${whole}.${fraction}0`),
  fc.tuple(digits(0, 3), fc.integer({ min: -400, max: 400 })).map(([whole, power]) => `${whole}e${power}`),
);
const key = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a":1.0', 'k:1.5', '', '\\', '\n', '"', 'a\\', 'a"'),
  fc.string(),
);
const SPACES = fc.constantFrom('', ' ', '\n  ');

/** JSON as text, so that its numbers and white space are whatever the grammar allows. */
const { document: documents } = fc.letrec<{ document: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(
    numberText,
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'null'),
  ),
  document: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc
      .tuple(SPACES, fc.array(tie('document'), { maxLength: 5 }))
      .map(([space, items]) => `[${space}${items.join(`${space},${space}`)}${space}]`),
    fc
      .tuple(SPACES, fc.uniqueArray(fc.tuple(key, tie('document')), { maxLength: 5, selector: ([name]) => name }))
      .map(
        ([space, entries]) =>
          `{${entries.map(([name, value]) => `${space}${JSON.stringify(name)}${space}:${space}${value}`).join(',')}${space}}`,
      ),
  ),
}));

describe('lossless JSON', () => {
  it.each(NUMBERS)('keeps %s as it was written, wherever it stands', (number) => {
    for (const text of [number, `[${number}]`, `[1,${number}]`, `{"a":${number}}`, `{"a":{"b":[{"c":${number}}]}}`]) {
      expect(stringifyLossless(parseLossless(text))).toBe(text);
    }
    const parsed = parseLossless(`{ "a" :\n ${number} }`) as JsonObject;
    expect(isRawNumber(parsed['a'])).toBe(true);
  });

  it('leaves ordinary numbers ordinary', () => {
    expect(parseLossless('[0,-1,1.5,9007199254740992,"1.0"]')).toStrictEqual([0, -1, 1.5, 9007199254740992, '1.0']);
  });

  it('writes back every document as it was, white space aside', () => {
    fc.assert(
      fc.property(documents, (text) => {
        const parsed = parseLossless(text);
        expect(tokensOf(stringifyLossless(parsed))).toBe(tokensOf(text));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['{"__proto__":{"polluted":true}}', '{"__proto__":{"polluted":1.0},"constructor":{"prototype":{"polluted":1.0}}}'])(
    'treats __proto__ as data: %s',
    (text) => {
      const parsed = parseLossless(text) as JsonObject;
      expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
      expect(Object.hasOwn(parsed, '__proto__')).toBe(true);
      expect(parsed['polluted']).toBeUndefined();
      expect(({} as JsonObject)['polluted']).toBeUndefined();
      expect(stringifyLossless({ ...parsed })).toBe(text);
    },
  );

  it('reads escaped keys right where V8 reads the key that it met before (nodejs/node#63785)', () => {
    const keys = ['\\\\', '\\n', '\\"', 'a\\\\', 'a\\t', '\\u0000', 'k:{\\"a\\":1}', 'k:{\\\\'];
    for (const value of ['[]', '1.0', '{"__proto__":"\\\\"}']) {
      for (const text of keys.flatMap((one) => keys.map((other) => `[{"h":1,"${one}":${value}},{"h":1,"${other}":${value}}]`))) {
        expect(stringifyLossless(parseLossless(text))).toBe(text);
      }
    }
  });

  it('rejects what is not JSON', () => {
    for (const text of ['', '{', '{"a":1.0', '[01]', 'NaN', '{"a":1.}']) expect(() => parseLossless(text)).toThrow(SyntaxError);
  });

  it('looks for suspicious numbers in linear time', () => {
    const hostile = JSON.stringify({ a: `${'" '.repeat(50_000)}${', '.repeat(50_000)}${' '.repeat(100_000)}` });
    const start = performance.now();
    parseLossless(hostile);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

/** The tokens of a document with canonical strings and without white space; sorted, since integer-like keys change their place. */
function tokensOf(text: string): string {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[[\]{},:]/g) ?? [];
  const canonical = tokens.map((token) => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token));
  return canonical.sort().join(' ');
}
