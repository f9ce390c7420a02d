import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { yamlSafe } from '../../kubernetes/yaml-safe.ts';

describe('yamlSafe', () => {
  it('keeps every character of JSON when it is read as YAML', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom('\u007f', '\u0085', '\u009f', '\u2028', '\u2029', '\ufeff', '\uffff', 'é', '😀', '\n'))
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        const written = yamlSafe(JSON.stringify({ value }));
        expect(written).not.toMatch(/[\u007f-\u009f\u2028\u2029\ufeff\uffff]/);
        expect(JSON.parse(written)).toStrictEqual({ value });
        expect(parse(written)).toStrictEqual({ value });
      }),
    );
  });
});
