import { execFile } from 'node:child_process';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { withLock } from '../folder-lock.ts';
import { cacheFolder } from '../state-folder.ts';

/** A search engine as its makers publish it for integration tests: the server with its usual modules, without Java and plugins. */
export type SearchEngine = 'elasticsearch' | 'opensearch';

/** As sandbox/tools/<engine>/pom.xml pins them. */
export const SEARCH_ENGINE_VERSIONS = { elasticsearch: '8.19.21', opensearch: '2.19.6' } as const;

const TOOLS = fileURLToPath(new URL('../tools/', import.meta.url));

/** The engine's folder in the user's cache; fetched with Maven when it is not there, once for all processes. `Unavailable` when that fails. */
export async function searchEngineFolder(engine: SearchEngine): Promise<string> {
  const name = `${engine}-${SEARCH_ENGINE_VERSIONS[engine]}`;
  const tools = join(cacheFolder(), 'tools');
  const folder = join(tools, name);
  if (await isThere(folder)) return folder;
  await mkdir(tools, { recursive: true });
  return withLock(`${folder}.lock`, {}, async () => {
    if (await isThere(folder)) return folder;
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await fetchEngine(engine, unfinished);
    const [unpacked = name] = await readdir(join(unfinished, 'unpacked'));
    await rename(join(unfinished, 'unpacked', unpacked), folder);
    await rm(unfinished, { recursive: true, force: true });
    return folder;
  });
}

async function fetchEngine(engine: SearchEngine, folder: string): Promise<void> {
  const pom = join(TOOLS, engine, 'pom.xml');
  try {
    await promisify(execFile)('mvn', ['-q', '-B', '-f', pom, 'package', `-Dholdfast.build=${folder}`], { maxBuffer: 50_000_000 });
  } catch (cause) {
    throw new HoldfastError(FailureType.Unavailable, `Maven could not fetch ${engine} ${SEARCH_ENGINE_VERSIONS[engine]}`, {
      advice: `install Java 17 and Maven, and see what it says: mvn -f ${pom} package`,
      cause,
    });
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
