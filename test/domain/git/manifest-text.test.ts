import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { Json, JsonObject } from '../../../contracts/json.ts';
import { manifestText, readManifest } from '../../../domain/git/manifest-text.ts';
import { parseLossless, stringifyLossless } from '../../../domain/json/lossless.ts';

/** Texts that readers of YAML take for something else, and those that blocks cannot hold. */
const AWKWARD = [
  ...[
    'yes',
    'no',
    'on',
    'off',
    'y',
    'n',
    'null',
    '~',
    'true',
    'True',
    '1',
    '01',
    '1.0',
    '1e3',
    '-0',
    '0x1f',
    '0o17',
    '1_000',
    '1:30',
    '.inf',
  ],
  ...[
    '2026-01-02',
    '<<',
    '=',
    '-',
    '?',
    '- a',
    '# no',
    'a: b',
    'a #b',
    '"',
    "'",
    '&a',
    '*a',
    '!x',
    '|',
    '>',
    '%a',
    '@a',
    '`a`',
    '{}',
    '[]',
  ],
  ...[
    '',
    ' ',
    '\n',
    '\n\n',
    ' a',
    'a ',
    'a\n',
    '\na',
    'a\n\n',
    'a\nb',
    '  a\nb',
    'a\n  b\n',
    '\ta\nb',
    'a\r\nb',
    'a\rb',
    'a \nb',
    'a\n \n',
    '---\n',
    '...\nb',
  ],
  ...['\u0000', '\u0007\nb', '\u0085\n', '\u2028\nb', '\ufeff\na', '\u{1f600}\nb', '__proto__', 'constructor', 'ä: ö\n'],
];
const text = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom('a', ' ', '\n', '\t', '#', ':', '-', '"'), { maxLength: 30 }).map((characters) => characters.join('')),
);
const number = fc.constantFrom('0', '-0', '1', '1.0', '-12.50', '9007199254740993', '18446744073709551616', '1e400', '1E-7', '0.1');

/** JSON as a server could send it. */
const json = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    number,
    text.map((value) => JSON.stringify(value)),
    fc.constantFrom('true', 'false', 'null'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .uniqueArray(fc.tuple(text, tie('value')), { maxLength: 5, selector: ([key]) => key })
    .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
})).object;

function sorted(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) === null) return value as Json;
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

const canonical = (object: JsonObject): string => stringifyLossless(sorted(object));

describe('a manifest as YAML', () => {
  it('gives back the same object, numbers and texts as they were', () => {
    fc.assert(
      fc.property(json, (source) => {
        const object = parseLossless(source) as JsonObject;
        expect(canonical(readManifest(manifestText(object)))).toBe(canonical(object));
      }),
      { numRuns: 600 },
    );
  });

  it('is the same text whatever the order of keys, and is stable when read and written again', () => {
    fc.assert(
      fc.property(json, (source) => {
        const object = parseLossless(source) as JsonObject;
        const written = manifestText(object);
        expect(manifestText(sorted(object) as JsonObject)).toBe(written);
        expect(manifestText(readManifest(written))).toBe(written);
      }),
      { numRuns: 200 },
    );
  });

  it('means the same to readers of YAML 1.1, as kubectl is one', () => {
    const object = { apiVersion: 'v1', data: Object.fromEntries(AWKWARD.map((value, index) => [`k${index}`, value])) };
    expect(parse(manifestText(object), { version: '1.1', logLevel: 'error' })).toEqual(object);
    expect(
      parse(manifestText({ data: Object.fromEntries(AWKWARD.map((key) => [key, 'v'])) }), { version: '1.1', logLevel: 'error' }),
    ).toEqual({
      data: Object.fromEntries(AWKWARD.map((key) => [key, 'v'])),
    });
  });

  it('is readable: known keys first, several lines as a block, nothing folded', () => {
    const long = 'word '.repeat(60).trim();
    expect(
      manifestText({
        spec: { b: [], a: {} },
        data: { script: 'set -e\necho "hi"\n' },
        kind: 'K',
        metadata: { name: 'x', annotations: { long } },
        apiVersion: 'v1',
      }),
    ).toBe(
      `apiVersion: v1\nkind: K\nmetadata:\n  annotations:\n    long: ${long}\n  name: x\ndata:\n  script: |\n    set -e\n    echo "hi"\nspec:\n  a: {}\n  b: []\n`,
    );
  });

  it.each([
    ['a list', '- a\n', /holds no object/],
    ['nothing', '', /holds no object/],
    ['no YAML', 'a: [1\n', /is no YAML/],
    ['a key twice', 'a: 1\na: 2\n', /is no YAML/],
    ['two documents', 'a: 1\n---\nb: 1\n', /is no YAML/],
    ['an alias bomb', `a: &a [x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]\n`, /aliases/],
  ])('refuses %s without repeating it', (_what, content, words) => {
    expect(() => readManifest(content)).toThrow(words);
  });
});
