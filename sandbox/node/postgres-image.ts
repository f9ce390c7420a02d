import { chmod, chown, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { fillBase } from './base-images.ts';
import type { Image } from './image-archive.ts';
import { installCommand } from './node-packages.ts';
import { copyLibrariesOf } from './shared-libraries.ts';

/** The Debian package that the image is made from; it depends on the one with the client's programs. */
export const POSTGRES_PACKAGE = 'postgresql-15';

const VERSION = '15';
const PROGRAMS = `/usr/lib/postgresql/${VERSION}/bin`;
const LIBRARIES = `/usr/lib/postgresql/${VERSION}/lib`;
const SHARED = `/usr/share/postgresql/${VERSION}`;
/** Of Debian's glibc and tzdata. A machine may lack the locale: C.UTF-8 is built into newer versions of glibc. */
const MORE = ['/usr/share/zoneinfo', '/usr/lib/locale/C.utf8'];
const USER = { id: 999, name: 'postgres' } as const;
/** Compiled queries are slower for small ones, and LLVM is larger than everything else; the time zones are there three times. */
const LEFT_OUT = /\/(bitcode|man|llvmjit[^/]*|zoneinfo\/(posix|right))$/;

/**
 * Makes the data folder when there is none, and becomes the server. It knows the usual image's variables; without POSTGRES_PASSWORD, whoever
 * reaches the server may use it. The folder is one below the volume's own, which belongs to root.
 */
const START = `#!/bin/sh
set -e
user=\${POSTGRES_USER:-postgres}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  method=\${POSTGRES_PASSWORD:+scram-sha-256}
  method=\${method:-trust}
  printf '%s\\n' "\${POSTGRES_PASSWORD:-unused}" >/tmp/password
  initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host="$method" --encoding=UTF8 --no-sync >/dev/null
  rm /tmp/password
  echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
  echo "host replication all all $method" >>"$PGDATA/pg_hba.conf"
  if [ -n "$POSTGRES_DB" ] && [ "$POSTGRES_DB" != postgres ]; then
    echo "CREATE DATABASE \\"$POSTGRES_DB\\"" | postgres --single -D "$PGDATA" postgres >/dev/null
  fi
fi
exec postgres -c listen_addresses='*' "$@"
`;

/**
 * `holdfast/postgres:15`: the server and all of its programs, copied from the Debian packages on this machine. It runs as user 999, and needs
 * `fsGroup: 999` to write to a volume at /var/lib/postgresql/data.
 */
export function postgresImage(): Image {
  return {
    name: `holdfast/postgres:${VERSION}`,
    entrypoint: ['/usr/bin/start-postgres'],
    environment: { PATH: `${PROGRAMS}:/usr/bin:/bin`, LANG: 'C.UTF-8', PGDATA: '/var/lib/postgresql/data/pgdata' },
    user: `${USER.id}:${USER.id}`,
    fill: fillPostgres,
  };
}

/** Whether this machine has what the image is made from. */
export async function postgresIsThere(): Promise<boolean> {
  const programs: readonly string[] = await readdir(PROGRAMS).catch(() => []);
  return programs.includes('postgres') && programs.includes('pg_dump');
}

async function fillPostgres(root: string): Promise<void> {
  await fillBase(root);
  if (!(await postgresIsThere())) {
    throw new HoldfastError(FailureType.NotFound, `PostgreSQL ${VERSION} is not in ${PROGRAMS}`, {
      advice: `run: ${installCommand([POSTGRES_PACKAGE])}`,
    });
  }
  for (const folder of [PROGRAMS, LIBRARIES, SHARED]) await copyFolder(root, folder);
  for (const folder of MORE) await copyFolder(root, folder).catch(() => undefined);
  await copyLibrariesOf(root, await binaries(root));
  await writeFile(join(root, 'usr/bin/start-postgres'), START);
  await chmod(join(root, 'usr/bin/start-postgres'), 0o755);
  await addUser(root);
}

async function copyFolder(root: string, folder: string): Promise<void> {
  await cp(folder, join(root, folder), { recursive: true, dereference: true, filter: (path) => !LEFT_OUT.test(path) });
}

/** The copied programs and libraries, by their paths on this machine. */
async function binaries(root: string): Promise<readonly string[]> {
  const lists = await Promise.all(
    [PROGRAMS, LIBRARIES].map(async (folder) => {
      const files = (await readdir(join(root, folder), { withFileTypes: true })).filter((entry) => entry.isFile());
      return files.map(({ name }) => join(folder, name)).filter((path) => folder === PROGRAMS || path.endsWith('.so'));
    }),
  );
  return lists.flat();
}

async function addUser(root: string): Promise<void> {
  const home = '/var/lib/postgresql';
  await writeFile(join(root, 'etc/passwd'), `${USER.name}:x:${USER.id}:${USER.id}::${home}:/bin/sh\n`, { flag: 'a' });
  await writeFile(join(root, 'etc/group'), `${USER.name}:x:${USER.id}:\n`, { flag: 'a' });
  await symlink('../run', join(root, 'var/run'));
  for (const folder of [home, `${home}/data`, '/run/postgresql']) {
    await mkdir(join(root, folder), { recursive: true });
    await chown(join(root, folder), USER.id, USER.id);
  }
}
