import { describe, expect, it } from '@jest/globals';
import { age, bytes, count, duration } from '../../cli/output/quantities.ts';
import { table } from '../../cli/output/table.ts';
import { diffText } from '../../cli/output/diff-text.ts';
import { nounFirst } from '../../cli/word-order.ts';
import { commaList } from '../../cli/options.ts';

describe('table', () => {
  it('aligns columns two spaces apart, without trailing blanks', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['a', '1'],
          ['longer', ''],
        ],
      ),
    ).toBe('NAME    N\na       1\nlonger');
  });
});

describe('quantities', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [150 * 1024, '150 KiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
  ])('%d bytes are %s', (value, text) => {
    expect(bytes(value)).toBe(text);
  });
  it.each([
    [950, '950ms'],
    [4_200, '4.2s'],
    [187_000, '3m07s'],
    [7_500_000, '2h05m'],
  ])('%d ms are %s', (value, text) => {
    expect(duration(value)).toBe(text);
  });
  it.each([
    [42, '42s'],
    [600, '10m'],
    [10_800, '3h'],
    [864_000, '10d'],
  ])('%d seconds ago are %s', (seconds, text) => {
    expect(age(new Date(1_000_000_000_000 - seconds * 1_000).toISOString(), 1_000_000_000_000)).toBe(text);
  });
  it('groups thousands', () => {
    expect([count(7), count(1_234), count(12_345_678)]).toEqual(['7', '1,234', '12,345,678']);
  });
});

describe('word order', () => {
  it.each([
    [
      ['get', 'backups'],
      ['backup', 'get'],
    ],
    [
      ['create', 'backup', 'x', '-n', 'shop'],
      ['backup', 'create', 'x', '-n', 'shop'],
    ],
    [
      ['describe', 'restore', 'r'],
      ['restore', 'describe', 'r'],
    ],
    [
      ['backups', 'get'],
      ['backup', 'get'],
    ],
    [
      ['get', 'backup-locations'],
      ['location', 'get'],
    ],
    [['version'], ['version']],
    [
      ['get', 'toString'],
      ['get', 'toString'],
    ],
    [[], []],
  ])('%j is %j', (given, meant) => {
    expect(nounFirst(given)).toEqual(meant);
  });
});

describe('comma lists', () => {
  it('do not cut globs with braces, and take * as everything', () => {
    expect(commaList('team-{a,b},shop, x', ['first'])).toEqual(['first', 'team-{a,b}', 'shop', 'x']);
    expect(commaList('*', [])).toEqual([]);
  });
});

describe('diff', () => {
  it('says so when nothing differs', () => {
    expect(diffText({ added: [], removed: [], changed: [] })).toBe('no differences');
  });
  it('lists objects with the fields that changed, and no values', () => {
    const object = { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'db' };
    const text = diffText({ added: [object], removed: [], changed: [{ object, fields: ['/data/password'] }] });
    expect(text).toContain('+ Secret shop/db');
    expect(text).toContain('    /data/password');
    expect(text.endsWith('1 added, 0 removed, 1 changed')).toBe(true);
  });
});
