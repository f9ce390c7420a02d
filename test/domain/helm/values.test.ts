import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { Release } from '../../../domain/helm/release.ts';
import { canonicalJson, computedValues, releaseFiles } from '../../../domain/helm/values.ts';
import { yamlText } from '../../../domain/helm/yaml-text.ts';
import { parseLossless } from '../../../domain/json/lossless.ts';
import type { JsonObject } from '../../../contracts/json.ts';
import { decodeRecord } from '../../../helm/decode-record.ts';
import { record, releaseDocument } from '../../support/helm-records.ts';

function release(chartValues: JsonObject, config: JsonObject): Release {
  const { chart } = releaseDocument() as { chart: object };
  return decodeRecord(record(releaseDocument({ config, chart: { ...chart, values: chartValues } })));
}

describe('values', () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['maps are merged', { a: { x: 1, y: 2 } }, { a: { y: 3 } }, { a: { x: 1, y: 3 } }],
    ['lists are replaced', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['null takes away', { a: { x: 1, y: 2 } }, { a: { x: null } }, { a: { y: 2 } }],
    ['a map replaces a text', { a: 'x' }, { a: { b: 1 } }, { a: { b: 1 } }],
    ['new keys are added', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
  ])('are computed as Helm does: %s', (_what, chart, config, expected) => {
    expect(computedValues(release(chart, config))).toEqual(expected);
  });

  it('are the same YAML for the same values, whatever their order', () => {
    expect(yamlText({ b: { d: 1, c: [2] }, a: 'x' })).toBe(yamlText({ a: 'x', b: { c: [2], d: 1 } }));
    expect(canonicalJson({ b: 1, a: { d: 1, c: 2 } })).toBe('{"a":{"c":2,"d":1},"b":1}');
  });

  it('come back from YAML as they were, for readers of YAML 1.1 and 1.2', () => {
    const values = {
      words: [
        'yes',
        'on',
        'n',
        '~',
        'null',
        '0x1f',
        '0o17',
        '010',
        '1_000',
        '1:30',
        '1e3',
        '.inf',
        '2026-01-01',
        '<<',
        '',
        ' x',
        '- a',
        '{{ x }}',
      ],
      lines: 'a\n  b\n\n',
      keys: { yes: 1, '1': 2, 'a: b': 3, __proto__x: 4 },
      numbers: [0, -1, 1.5, 1e21, true, null],
    };
    for (const version of ['1.1', '1.2'] as const) expect(parse(yamlText(values), { version })).toEqual(values);
    expect(yamlText(parseLossless('{"big": 12345678901234567890}') as JsonObject)).toBe('big: 12345678901234567890\n');
  });

  it('are files beside what is installed', () => {
    const files = releaseFiles(release({ a: 1 }, { b: 2 }));
    expect(files.map(({ path }) => path)).toEqual(['values.yaml', 'computed-values.yaml', 'release.yaml']);
    expect(files[0]!.content).toBe('b: 2\n');
    expect(files[1]!.content).toBe('a: 1\nb: 2\n');
    expect(parse(files[2]!.content)).toEqual({
      name: 'web',
      namespace: 'shop',
      revision: 1,
      status: 'deployed',
      deployedAt: '2026-01-02T03:04:05Z',
      chart: 'web',
      version: '1.2.3',
      appVersion: '2.0',
    });
  });
});
