import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../sandbox/free-port.ts';
import { localExecCluster, type LocalExecCluster } from './local-exec-cluster.ts';

/** The server does not run as root: as nobody then. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const PASSWORD = 'se"cret $of\\root';

export interface MariadbServer {
  /** Of the volume; the data is in it. */
  readonly volume: string;
  /** Of the user root. */
  readonly password: string;
  /** Runs commands where the server is, as in its container. */
  readonly cluster: LocalExecCluster;
  /** Rows of a script, columns apart by tabs. */
  sql(script: string): Promise<string>;
  start(): Promise<void>;
  stop(how?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  remove(): Promise<void>;
}

/** A server of its own in a temporary folder. `volume` takes the place of a new one; `options` are the server's. */
export async function mariadbServer(
  options: { readonly volume?: string; readonly options?: readonly string[] } = {},
): Promise<MariadbServer> {
  const folder = await mkdtemp(join(tmpdir(), 'hfmy-'));
  const volume = options.volume ?? join(folder, 'volume');
  const socket = join(folder, 'socket');
  const port = await freePort();
  const base = { PATH: '/usr/sbin:/usr/bin:/bin', MYSQL_UNIX_PORT: socket, HOME: folder };
  const env = { ...base, MARIADB_ROOT_PASSWORD: PASSWORD };
  const give = async (path: string) => {
    if (UNPRIVILEGED.uid !== undefined) await chown(path, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
  };
  await give(folder);
  // As an image's own options say where its socket is; those of this machine would win over the environment.
  await writeFile(join(folder, '.my.cnf'), `[client]\nsocket=${socket}\n`);
  let server: ChildProcess | undefined;
  let log = '';
  const sql = async (script: string, password = PASSWORD) => {
    const running = promisify(execFile)('mariadb', ['--no-defaults', '--user=root', '--batch', '--skip-column-names'], {
      env: { ...base, MYSQL_PWD: password },
      maxBuffer: 1 << 28,
    });
    running.child.stdin?.end(script);
    return (await running).stdout;
  };
  const start = async (password = PASSWORD) => {
    const words = [
      '--no-defaults',
      `--datadir=${volume}`,
      `--socket=${socket}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--pid-file=${folder}/pid`,
    ];
    server = spawn('/usr/sbin/mariadbd', [...words, ...(options.options ?? [])], {
      env,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...UNPRIVILEGED,
    });
    server.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
    for (const child = server; ;) {
      if (child.exitCode !== null) throw new Error(`mariadbd ended with ${child.exitCode}: ${log}`);
      const isThere = await sql('SELECT 1', password).then(
        () => true,
        () => false,
      );
      if (isThere) return;
      await sleep(100);
    }
  };
  const stop = async (how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    const child = server;
    server = undefined;
    if (child?.exitCode !== null) return;
    const gone = once(child, 'close');
    child.kill(how);
    await gone;
  };
  const cluster = localExecCluster({ env, ...UNPRIVILEGED });
  const remove = async () => {
    await cluster.stop();
    await stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    if (options.volume === undefined) {
      await mkdir(volume);
      await give(volume);
      const words = ['--no-defaults', `--datadir=${volume}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
      await promisify(execFile)('mariadb-install-db', words, { env: base, cwd: folder, ...UNPRIVILEGED });
      await start('');
      await sql(`ALTER USER root@localhost IDENTIFIED BY '${PASSWORD.replaceAll('\\', '\\\\')}'`, '');
    } else {
      await start();
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { volume, password: PASSWORD, cluster, sql: (script) => sql(script), start: () => start(), stop, remove };
}
