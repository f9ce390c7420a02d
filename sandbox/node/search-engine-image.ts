import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { executableOnPath } from '../find-tool.ts';
import { fillBase } from './base-images.ts';
import type { Image } from './image-archive.ts';
import { installCommand } from './node-packages.ts';
import { SEARCH_ENGINE_VERSIONS, searchEngineFolder, type SearchEngine } from './search-engine-files.ts';
import { copyLibrariesOf, copyPrograms } from './shared-libraries.ts';

/** As in the engines' own images. */
const USER = { id: 1000, group: 0 } as const;
const JAVA_HOME = '/usr/lib/jvm/java';
/** Of a development kit what running does not need. */
const LEFT_OUT = /\/(jmods|include|man|legal|docs|src\.zip|ct\.sym)$/;

/** Settings come from the environment under their own names, as in the engines' own images. */
const startScript = (engine: SearchEngine) => `#!/bin/bash
words=()
while IFS='=' read -r name value; do
  if [[ $name =~ ^[a-z0-9_]+\\.[a-z0-9_.]+$ ]]; then words+=("-E$name=$value"); fi
done < <(env)
exec /usr/share/${engine}/bin/${engine} "\${words[@]}" "$@"
`;

/**
 * `holdfast/elasticsearch:8.19.21` and `holdfast/opensearch:2.19.6`, with this machine's Java, bash and curl. They run as user 1000, listen on
 * all addresses, and keep data in /usr/share/<engine>/data. Elasticsearch has no security unless `xpack.security.enabled` says so.
 */
export function searchEngineImage(engine: SearchEngine): Image {
  const security: Record<string, string> = engine === 'elasticsearch' ? { 'xpack.security.enabled': 'false' } : {};
  return {
    name: `holdfast/${engine}:${SEARCH_ENGINE_VERSIONS[engine]}`,
    entrypoint: ['/usr/bin/start-engine'],
    environment: {
      PATH: '/usr/bin:/bin',
      HOME: `/usr/share/${engine}`,
      ES_JAVA_HOME: JAVA_HOME,
      OPENSEARCH_JAVA_HOME: JAVA_HOME,
      'network.host': '0.0.0.0',
      'discovery.type': 'single-node',
      ...security,
    },
    user: `${USER.id}:${USER.group}`,
    workingFolder: `/usr/share/${engine}`,
    fill: (root) => fillEngine(root, engine),
  };
}

async function fillEngine(root: string, engine: SearchEngine): Promise<void> {
  await fillBase(root);
  const home = join(root, 'usr/share', engine);
  await cp(await searchEngineFolder(engine), home, { recursive: true });
  await mkdir(join(home, 'data'));
  for (const program of await readdir(join(home, 'bin'))) await chmod(join(home, 'bin', program), 0o755);
  await writeFile(join(home, 'config', `${engine}.yml`), '');
  await promisify(execFile)('chown', ['-R', `${USER.id}:${USER.group}`, home]);
  await copyJava(root);
  await copyPrograms(root, ['/bin/bash', '/usr/bin/curl']);
  // Where scripts name their shell through it.
  await symlink('/bin/env', join(root, 'usr/bin/env'));
  const start = join(root, 'usr/bin/start-engine');
  await writeFile(start, startScript(engine));
  await chmod(start, 0o755);
  await writeFile(join(root, 'etc/passwd'), `engine:x:${USER.id}:${USER.group}::/usr/share/${engine}:/bin/sh\n`, { flag: 'a' });
}

async function copyJava(root: string): Promise<void> {
  const java = await executableOnPath(process.env['PATH'] ?? '', 'java');
  if (java === undefined) {
    throw new HoldfastError(FailureType.NotFound, 'there is no java on PATH', {
      advice: `run: ${installCommand(['openjdk-17-jre-headless'])}`,
    });
  }
  const home = dirname(dirname(await realpath(java)));
  await cp(home, join(root, JAVA_HOME), { recursive: true, dereference: true, filter: (path) => !LEFT_OUT.test(path) });
  const libraries = (await readdir(join(home, 'lib'))).filter((name) => name.endsWith('.so')).map((name) => join(home, 'lib', name));
  await copyLibrariesOf(root, [join(home, 'bin/java'), ...libraries, join(home, 'lib/server/libjvm.so')]);
}
