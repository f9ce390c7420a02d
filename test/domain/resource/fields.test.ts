import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { parseLossless } from '../../../domain/json/lossless.ts';
import { changeAt, changeEach, dropAt, field, isObject, listAt, textAt, without } from '../../../domain/resource/fields.ts';

const hostile = JSON.parse('{"a":1,"__proto__":{"polluted":true},"constructor":"x"}') as JsonObject;

describe('fields of JSON', () => {
  it('are own properties only', () => {
    expect(field({}, 'constructor')).toBeUndefined();
    expect(field({}, '__proto__', 'toString')).toBeUndefined();
    expect(field(hostile, '__proto__', 'polluted')).toBe(true);
    expect(textAt(hostile, 'constructor')).toBe('x');
    expect(listAt(hostile, 'a')).toEqual([]);
  });

  it('a number kept as text is no object', () => {
    expect(isObject(parseLossless('1.0'))).toBe(false);
    expect(isObject(parseLossless('{"rawJSON":"1"}'))).toBe(true);
  });

  it('every copy keeps a key called __proto__ and pollutes nothing', () => {
    const copies = [
      without(hostile, ['a']),
      changeAt(hostile, ['a'], () => 2),
      dropAt({ in: hostile }, ['in'], ['a'])['in'] as JsonObject,
      changeAt(hostile, ['__proto__', 'polluted'], () => 'changed'),
      changeEach({ list: [hostile] }, ['list'], (item) => without(item, ['a'])),
    ];
    for (const copy of copies.slice(0, 4)) expect(Object.keys(copy)).toContain('__proto__');
    expect(JSON.stringify(copies[4])).toBe('{"list":[{"__proto__":{"polluted":true},"constructor":"x"}]}');
    expect(JSON.stringify(copies[3])).toContain('"__proto__":{"polluted":"changed"}');
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });

  it('what does not change comes back as it is', () => {
    expect(without(hostile, ['zzz'])).toBe(hostile);
    expect(changeAt(hostile, ['x', 'y'], () => 1)).toBe(hostile);
    expect(changeAt(hostile, ['a', 'b'], () => 1)).toBe(hostile);
    expect(changeEach(hostile, ['a'], () => ({}))).toBe(hostile);
    expect(dropAt(hostile, ['__proto__'], ['zzz'])).toBe(hostile);
  });

  it('a map that gets empty goes', () => {
    expect(dropAt({ metadata: { labels: { a: 'b' } } }, ['metadata', 'labels'], ['a'])).toEqual({ metadata: {} });
    expect(dropAt({ labels: {} }, ['labels'], ['a'])).toEqual({ labels: {} });
  });
});
