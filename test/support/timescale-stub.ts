import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FUNCTIONS = ['timescaledb_pre_restore', 'timescaledb_post_restore', 'stop_background_workers', 'start_background_workers'] as const;

/**
 * Programs of this machine's PostgreSQL with a STUB of the extension timescaledb in two versions: the real one is in no package. Its functions
 * do nothing but write `stub <version>: <name> in <database>` into the server's log, so that the order of calls can be read there. `bin` is for
 * the PATH; the server finds the extension by its own place.
 */
export async function timescaleStub(): Promise<{ readonly bin: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'hfts-'));
  await chmod(root, 0o755);
  const folderOf = async (what: string) => (await run('pg_config', [what])).stdout.trim();
  const [bin, libraries, shared] = await Promise.all(['--bindir', '--pkglibdir', '--sharedir'].map(folderOf));
  for (const folder of [bin, libraries, shared]) {
    const copy = join(root, folder ?? '');
    await mkdir(copy, { recursive: true });
    await run('cp', ['-r', '--reflink=auto', `${folder ?? ''}/.`, copy]);
  }
  const extensions = join(root, shared ?? '', 'extension');
  await writeFile(
    join(extensions, 'timescaledb.control'),
    "default_version = '2.17.2'\nrelocatable = false\nschema = public\ntrusted = true\n",
  );
  await writeFile(join(extensions, 'timescaledb--2.17.2.sql'), scriptOf('2.17.2', '_timescaledb_functions'));
  await writeFile(join(extensions, 'timescaledb--2.10.3.sql'), scriptOf('2.10.3', '_timescaledb_internal'));
  return { bin: join(root, bin ?? ''), remove: () => rm(root, { recursive: true, force: true }) };
}

function scriptOf(version: string, schema: string): string {
  const schemas = `CREATE SCHEMA ${schema};\n`;
  const functions = FUNCTIONS.map((name) => {
    const place = name.endsWith('workers') ? schema : 'public';
    return `CREATE FUNCTION ${place}.${name}() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN RAISE LOG 'stub ${version}: ${name} in %', current_database(); RETURN true; END $$;`;
  });
  // A catalogue of its own, which only its own version understands, and whose rows are dumped.
  const catalogue = `CREATE TABLE ${schema}.catalogue (id int);
SELECT pg_catalog.pg_extension_config_dump('${schema}.catalogue', '');`;
  return `${schemas}${functions.join('\n')}\n${catalogue}\n`;
}
