import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { jsonSchema, SCHEMAS } from '../../cli/output/schemas.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'schemas');
const NAMES = Object.keys(SCHEMAS) as (keyof typeof SCHEMAS)[];

describe('published schemas', () => {
  it.each(NAMES)('docs/schemas/%s.json is what the code means', async (name) => {
    expect(JSON.parse(await readFile(join(FOLDER, `${name}.json`), 'utf8'))).toEqual(jsonSchema(name));
  });
  it('are all there are', async () => {
    expect((await readdir(FOLDER)).sort()).toEqual(NAMES.map((name) => `${name}.json`).sort());
  });
});
