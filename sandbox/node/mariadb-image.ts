import { chmod, chown, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { executableIn } from '../find-tool.ts';
import { fillBase } from './base-images.ts';
import type { Image } from './image-archive.ts';
import { installCommand } from './node-packages.ts';
import { copyLibrariesOf, copyPrograms } from './shared-libraries.ts';

/** The Debian package that the image is made from. */
export const MARIADB_PACKAGE = 'mariadb-server';

const PROGRAMS = ['mariadb', 'mariadb-dump', 'mariadb-install-db', 'my_print_defaults', 'resolveip'].map((name) => `/usr/bin/${name}`);
const SERVER = '/usr/sbin/mariadbd';
const SHARED = '/usr/share/mysql';
const PLUGINS = '/usr/lib/mysql/plugin';
const USER = { id: 999, name: 'mysql' } as const;
const DATA = '/var/lib/mysql';

/**
 * As the usual image does it: an empty data folder is set up by a server that listens to no network, and which takes its time here; then comes
 * the server. The password of root is MARIADB_ROOT_PASSWORD.
 */
const START = `#!/bin/sh
set -e
server="mariadbd --no-defaults --datadir=${DATA} --socket=/run/mysqld/mysqld.sock"
if [ ! -d ${DATA}/mysql ]; then
  mariadb-install-db --no-defaults --datadir=${DATA} --auth-root-authentication-method=normal --skip-test-db >/dev/null
  $server --skip-networking &
  until mariadb --no-defaults --user=root -e "ALTER USER root@localhost IDENTIFIED BY '$MARIADB_ROOT_PASSWORD'" 2>/dev/null; do sleep 1; done
  sleep 3
  kill $!
  wait $! || :
fi
exec $server --bind-address=0.0.0.0 "$@"
`;

/** `holdfast/mariadb:10.11`: server, client and dump, copied from the Debian packages on this machine. User 999; data in /var/lib/mysql. */
export function mariadbImage(): Image {
  return {
    name: 'holdfast/mariadb:10.11',
    entrypoint: ['/usr/bin/start-mariadb'],
    environment: { PATH: '/usr/sbin:/usr/bin:/bin' },
    user: `${USER.id}:${USER.id}`,
    fill: fillMariadb,
  };
}

async function fillMariadb(root: string): Promise<void> {
  await fillBase(root);
  if ((await executableIn('/usr/sbin', 'mariadbd')) === undefined) {
    throw new HoldfastError(FailureType.NotFound, `MariaDB's server is not in ${SERVER}`, {
      advice: `run: ${installCommand([MARIADB_PACKAGE])}`,
    });
  }
  await copyPrograms(root, [SERVER, ...PROGRAMS]);
  for (const folder of [SHARED, PLUGINS]) await cp(folder, join(root, folder), { recursive: true, dereference: true });
  await copyLibrariesOf(
    root,
    (await readdir(PLUGINS)).filter((name) => name.endsWith('.so')).map((name) => join(PLUGINS, name)),
  );
  const start = join(root, 'usr/bin/start-mariadb');
  await writeFile(start, START);
  await chmod(start, 0o755);
  await writeFile(join(root, 'etc/passwd'), `${USER.name}:x:${USER.id}:${USER.id}::${DATA}:/bin/sh\n`, { flag: 'a' });
  await writeFile(join(root, 'etc/group'), `${USER.name}:x:${USER.id}:\n`, { flag: 'a' });
  await mkdir(join(root, 'var'), { recursive: true });
  await symlink('../run', join(root, 'var/run'));
  for (const folder of [DATA, '/run/mysqld']) {
    await mkdir(join(root, folder), { recursive: true });
    await chown(join(root, folder), USER.id, USER.id);
  }
}
