import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import type { Requirement } from '../../../domain/selection/label-selector-parser.ts';
import { matchesLabels, parseLabelSelector, printLabelSelector } from '../../../domain/selection/label-selector.ts';

const matches = (selector: string, labels: JsonObject): boolean => matchesLabels(parseLabelSelector(selector), labels);

describe('label selectors', () => {
  it.each<[string, JsonObject, boolean]>([
    ['', {}, true],
    ['  ', { a: 'b' }, true],
    ['app=web', { app: 'web' }, true],
    ['app==web', { app: 'web' }, true],
    ['app = web', { app: 'other' }, false],
    ['app=', { app: '' }, true],
    ['app=', {}, false],
    ['app!=web', {}, true],
    ['app!=web', { app: 'web' }, false],
    ['app in (web,api)', { app: 'api' }, true],
    ['app in (web, api)', { app: 'db' }, false],
    ['app in (web)', {}, false],
    ['app in (,a)', { app: '' }, true],
    ['app notin (web)', {}, true],
    ['app notin (web,api)', { app: 'api' }, false],
    ['app', { app: '' }, true],
    ['app', {}, false],
    ['!app', {}, true],
    ['! app', { app: 'x' }, false],
    ['a=1,b!=2,!c,d in (e)', { a: '1', d: 'e' }, true],
    ['a=1,b!=2', { a: '1', b: '2' }, false],
    ['example.com/role=db', { 'example.com/role': 'db' }, true],
    ['size>9', { size: '10' }, true],
    ['size<9', { size: '10' }, false],
    ['size>1', { size: 'big' }, false],
    ['in in (in)', { in: 'in' }, true],
    ['notin', { notin: 'x' }, true],
    ['constructor', {}, false],
    ['!toString', {}, true],
  ])('%j on %j is %j', (selector, labels, expected) => {
    expect(matches(selector, labels)).toBe(expected);
  });

  it('reads a label called __proto__ as any other', () => {
    const labels = JSON.parse('{"x__proto__x":"a","constructor":"b"}') as JsonObject;
    expect(matches('constructor=b,x__proto__x', labels)).toBe(true);
  });

  it.each([
    ['app in web', 'label selector "app in web": expected "(", found "web" at position 8'],
    ['app in (a', 'label selector "app in (a": expected ")", found the end at position 10'],
    ['=web', 'label selector "=web": expected a label key, found "=" at position 1'],
    ['app=web,', 'label selector "app=web,": expected a label key, found the end at position 9'],
    ['app web', 'label selector "app web": expected =, ==, !=, in, notin, > or <, found "web" at position 5'],
    ['app=a b', 'label selector "app=a b": expected "," or the end, found "b" at position 7'],
    ['a>x', 'label selector "a>x": expected an integer, found "x" at position 3'],
    ['app=-web', '"-web" is no label value'],
    ['-app', '"-app" is no label key'],
    ['Example.com/a', '"Example.com/a" is no label key'],
    ['/a', '"/a" is no label key'],
    ['a/b/c', '"a/b/c" is no label key'],
    [`a=${'x'.repeat(64)}`, 'is no label value'],
    ['a===b', 'found "="'],
    ['a=!b', 'expected a value, found "!" at position 3'],
  ])('%j is refused with its position', (selector, message) => {
    expect(() => parseLabelSelector(selector)).toThrow(message);
  });

  const name = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?$/);
  const key = fc.oneof(name, fc.constantFrom('in', 'notin', 'example.com/in', 'a.b-c/d'));
  const values = fc.uniqueArray(fc.oneof(name, fc.constant('')), { minLength: 1, maxLength: 4 }).map((list) => list.sort());
  const requirement: fc.Arbitrary<Requirement> = fc.oneof(
    fc.record({ key, operator: fc.constantFrom('in' as const, 'notin' as const), values }),
    fc.record({ key, operator: fc.constantFrom('exists' as const, '!exists' as const), values: fc.constant([]) }),
    fc.record({ key, operator: fc.constantFrom('>' as const, '<' as const), values: fc.integer().map((n) => [String(n)]) }),
  );
  const labels = fc.dictionary(fc.oneof(name, fc.constantFrom('in', 'notin')), fc.oneof(name, fc.constantFrom('', '1')));

  it('what is printed parses to the same', () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), (requirements) => {
        expect(parseLabelSelector(printLabelSelector(requirements))).toEqual(requirements);
      }),
    );
  });

  it('notin is the complement of in, and !exists of exists', () => {
    fc.assert(
      fc.property(key, values, labels, (k, v, l) => {
        const set = `(${v.join(',')})`;
        expect(matches(`${k} notin ${set}`, l)).toBe(!matches(`${k} in ${set}`, l));
        expect(matches(`!${k}`, l)).toBe(!matches(k, l));
      }),
    );
  });

  it('either parses or says where it failed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '!', '(', ')', ',', ' ', 'in', '>', '/', '-') }), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          expect(String(error)).toMatch(/^SelectorError: label selector ".*at position \d+$/);
        }
      }),
    );
  });
});
