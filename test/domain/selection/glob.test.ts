import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileGlob, compileGlobs, isGlob } from '../../../domain/selection/glob.ts';

describe('globs', () => {
  it.each([
    ['prod', 'prod', true],
    ['prod', 'prod-eu', false],
    ['*', '', true],
    ['prod-*', 'prod-eu', true],
    ['prod-*', 'prod', false],
    ['*-eu-*', 'prod-eu-1', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[abc]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[!a-c]x', 'dx', true],
    ['[!a]', 'a', false],
    ['[]a]', ']', true],
    ['[a-]', '-', true],
    ['{dev,test}-1', 'test-1', true],
    ['{dev,test}-1', 'devtest-1', false],
    ['{a,b{c,d}}x', 'bdx', true],
    ['{,a}b', 'b', true],
    ['{a*,b}', 'axyz', true],
    ['a.b', 'axb', false],
    ['a,b', 'a,b', true],
    ['a}', 'a}', true],
    ['**', 'x', true],
  ])('%s on %j is %j', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
  });

  it.each([
    ['[a', 'glob "[a": "[" at position 1 is not closed'],
    ['x{a,b', 'glob "x{a,b": "{" at position 2 is not closed'],
    ['[z-a]', 'glob "[z-a]": the range z-a is empty, write a-z'],
    ['a'.repeat(600), 'glob of 600 characters: at most 512 are allowed'],
  ])('%s is refused', (pattern, message) => {
    expect(() => compileGlob(pattern)).toThrow(message);
  });

  /** Tries every split of the text: obviously right, and exponential. */
  function naive(pattern: readonly string[], text: string): boolean {
    const [first, ...rest] = pattern;
    if (first === undefined) return text === '';
    if (first === '*') return Array.from({ length: text.length + 1 }, (_, n) => n).some((n) => naive(rest, text.slice(n)));
    if (first.startsWith('{')) {
      return first
        .slice(1, -1)
        .split(',')
        .some((word) => text.startsWith(word) && naive(rest, text.slice(word.length)));
    }
    if (text === '') return false;
    const [character = ''] = text;
    const here =
      first === '?' ||
      (first.startsWith('[!') ? !first.slice(2, -1).includes(character) : first.replace(/^\[|\]$/g, '').includes(character));
    return here && naive(rest, text.slice(1));
  }

  it('agree with a naive model', () => {
    const piece = fc.constantFrom('a', 'b', 'c', '*', '?', '[ab]', '[!a]', '{a,bc}', '{,c}', '{ab,a}');
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), text, (pieces, name) => {
        expect(compileGlob(pieces.join(''))(name)).toBe(naive(pieces, name));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['*a'.repeat(30) + 'b', '{a,{a,{a,a}}}'.repeat(30) + 'b', '*'.repeat(250) + 'b'])(
    '%# takes linear time on hostile patterns',
    (pattern) => {
      const glob = compileGlob(pattern);
      expect(glob('a'.repeat(253))).toBe(false);
    },
    1000,
  );

  it('a name without special characters is no glob', () => {
    expect(['a', 'a-b.c', 'a,b', '}'].map(isGlob)).toEqual([false, false, false, false]);
    expect(['a*', '?', '[a]', '{a}'].map(isGlob)).toEqual([true, true, true, true]);
  });

  it('several patterns match when one does', () => {
    const glob = compileGlobs(['a', 'b*']);
    expect(['a', 'bx', 'c'].map(glob)).toEqual([true, true, false]);
    expect(compileGlobs([])('a')).toBe(false);
  });
});
