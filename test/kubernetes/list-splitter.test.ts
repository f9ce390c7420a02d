import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringifyLossless } from '../../domain/json/lossless.ts';
import { splitList } from '../../kubernetes/list-splitter.ts';

const split = (text: string) => splitList(Buffer.from(text));
const bytesOf = (text: string) => split(text).items.map((item) => item.bytes.toString('utf8'));

describe('splitList', () => {
  it('gives the exact bytes of every item and the list metadata', () => {
    const first = '{"metadata":{"name":"a","items":[1]},"data":{"x":"} ] \\" { [ \\\\"},"n":1.0,"big":9007199254740993}';
    const second = '{ "items" : [ {} ],\n "metadata" : {"resourceVersion":"7"} }';
    const list = split(
      `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"42","continue":"abc","remainingItemCount":9},"items":[${first}, \n ${second}]}\n`,
    );
    expect(list).toMatchObject({ resourceVersion: '42', continueToken: 'abc', remainingItemCount: 9 });
    expect(list.items.map((item) => item.bytes.toString('utf8'))).toStrictEqual([first, second]);
    expect(stringifyLossless(list.items[0]!.object)).toBe(first);
  });

  it.each([
    ['{"metadata":{"resourceVersion":"1"},"items":null}', 0],
    ['{"metadata":{"resourceVersion":"1"},"items":[]}', 0],
    ['{"metadata":{"resourceVersion":"1"},"items": [ ] }', 0],
    ['{"metadata":{"resourceVersion":"1"}}', 0],
    ['{"items":[{}],"metadata":{"resourceVersion":"1"}}', 1],
    ['{"it\\u0065ms":[{},{}],"metadata":{"resourceVersion":"1"}}', 2],
    ['{"other":{"items":[{}],"metadata":{"resourceVersion":"9"}},"metadata":{"resourceVersion":"1"},"n":-1.5e3,"t":true}', 0],
  ])('reads %s', (text, count) => {
    expect(split(text)).toMatchObject({ resourceVersion: '1', continueToken: '', remainingItemCount: undefined });
    expect(bytesOf(text)).toHaveLength(count);
  });

  it('survives an item with the key __proto__', () => {
    const item = '{"__proto__":{"polluted":1.0}}';
    expect(bytesOf(`{"items":[${item}]}`)).toStrictEqual([item]);
    expect(stringifyLossless(split(`{"items":[${item}]}`).items[0]!.object)).toBe(item);
  });

  it('refuses every answer that is cut short, and what is no list', () => {
    const whole = '{"metadata":{"resourceVersion":"1"},"items":[{"a":"\\"x"},{"b":[1,{"c":null}]}]}';
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => split(whole.slice(0, length))).toThrow(expect.objectContaining({ type: 'Unavailable' }));
    }
    for (const text of [
      `${whole}x`,
      '[]',
      'null',
      '"items"',
      '{"items":{}}',
      '{"items":[1]}',
      '{"items":[{]}]}',
      '{"items":[{}{}]}',
      '{items:[]}',
    ]) {
      expect(() => split(text)).toThrow(expect.objectContaining({ type: 'Unavailable' }));
    }
  });

  it('agrees with JSON.parse on any list, compact or pretty', () => {
    const key = fc.oneof(fc.constantFrom('items', 'metadata', '__proto__', 'continue', '"', '\\'), fc.string({ unit: 'grapheme' }));
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom('{', ']', '"}', '\\', null, true, -1.5, '\ud800'),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as unknown),
      ),
    })).value;
    const item = fc.dictionary(key, value, { maxKeys: 4 });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.constantFrom(undefined, 1, '\t'), fc.boolean(), (items, indent, itemsFirst) => {
        const metadata = { resourceVersion: '12', items: [{}] };
        const text = JSON.stringify(itemsFirst ? { items, metadata } : { metadata, items }, null, indent);
        const list = split(text);
        expect(list.resourceVersion).toBe('12');
        expect(list.items.map((one) => stringifyLossless(one.object))).toStrictEqual(items.map((one) => JSON.stringify(one)));
        for (const one of list.items) expect(text).toContain(one.bytes.toString('utf8'));
      }),
      { numRuns: 300 },
    );
  });
});
