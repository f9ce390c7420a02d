import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existingPlace, placeBelow } from '../../movers/volume-folder.ts';

let base: string;
let root: string;

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-root-')));
  root = join(base, 'root');
  mkdirSync(join(root, 'volume', 'inner'), { recursive: true });
  mkdirSync(join(base, 'outside'));
  mkdirSync(join(base, 'root-but-longer'));
  symlinkSync(join(base, 'outside'), join(root, 'escape'));
  symlinkSync(join(root, 'volume'), join(root, 'inside'));
  symlinkSync(join(base, 'nowhere'), join(root, 'dangling'));
  symlinkSync(root, join(base, 'alias'));
});

afterAll(() => {
  rmSync(base, { recursive: true });
});

describe('folders of volumes', () => {
  it.each(['volume', 'volume/inner', 'new', 'new/deep/er', 'volume/../volume'])('takes %s', (path) => {
    expect(placeBelow(root, join(root, path))).toBe(join(root, path));
  });

  it('follows links that stay inside, and a root that is a link', () => {
    expect(placeBelow(root, join(root, 'inside', 'inner'))).toBe(join(root, 'volume', 'inner'));
    expect(placeBelow(join(base, 'alias'), join(base, 'alias', 'volume'))).toBe(join(root, 'volume'));
  });

  it.each([
    '',
    '/',
    '.',
    '..',
    '../outside',
    '../root-but-longer/x',
    'escape',
    'escape/new',
    'dangling',
    'dangling/x',
    'volume/../../outside',
    'a\0b',
  ])('refuses %j', (path) => {
    const whole = path === '' || path === '/' ? path : `${root}/${path}`;
    expect(placeBelow(root, whole)).toBeUndefined();
    expect(() => existingPlace(root, whole, { create: true })).toThrow(/is not below/);
  });

  it('makes a folder only when it is told to', () => {
    expect(() => existingPlace(root, join(root, 'made', 'here'), { create: false })).toThrow(/does not exist/);
    expect(existingPlace(root, join(root, 'made', 'here'), { create: true })).toBe(join(root, 'made', 'here'));
    expect(existingPlace(root, join(root, 'made', 'here'), { create: false })).toBe(join(root, 'made', 'here'));
  });
});
