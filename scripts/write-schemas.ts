import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonSchema, SCHEMAS } from '../cli/output/schemas.ts';

/** Writes docs/schemas from cli/output/schemas.ts. */
const folder = join(import.meta.dirname, '..', 'docs', 'schemas');
await mkdir(folder, { recursive: true });
for (const name of Object.keys(SCHEMAS) as (keyof typeof SCHEMAS)[]) {
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(jsonSchema(name), null, 2)}\n`);
}
