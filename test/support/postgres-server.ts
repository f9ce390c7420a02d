import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { appendFile, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { localExecCluster, type LocalExecCluster } from './local-exec-cluster.ts';

/** The server does not run as root: as nobody then. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

export interface PostgresServer {
  readonly folder: string;
  /** The root of the "volume": the data folder is `pgdata` in it. */
  readonly volume: string;
  /** Runs commands where the server is, as in its container. */
  readonly cluster: LocalExecCluster;
  /** Output of a client program. */
  run(program: string, ...words: readonly string[]): Promise<string>;
  start(): Promise<void>;
  stop(how?: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** What it logged. */
  log(): string;
  remove(): Promise<void>;
}

/** A server of its own in a temporary folder, reached by socket only; user `app`, database `shop`. `volume` takes the place of a new one. */
export async function postgresServer(
  options: {
    readonly settings?: readonly string[];
    readonly volume?: string;
    readonly env?: Record<string, string>;
    readonly bin?: string;
  } = {},
): Promise<PostgresServer> {
  const bin = options.bin ?? execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
  const folder = await mkdtemp(join(tmpdir(), 'hfpg-'));
  const volume = options.volume ?? join(folder, 'volume');
  const data = join(volume, 'pgdata');
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    PGHOST: folder,
    POSTGRES_USER: 'app',
    POSTGRES_DB: 'shop',
    LC_ALL: 'C.UTF-8',
    ...options.env,
  };
  const spawnOptions = { env, cwd: folder, ...UNPRIVILEGED };
  const run = async (program: string, ...words: readonly string[]) => {
    const { stdout } = await promisify(execFile)(program, words, { ...spawnOptions, maxBuffer: 1 << 28 });
    return stdout;
  };
  await give(folder);
  let server: ChildProcess | undefined;
  // Into a file: what the server has logged is there when it answers, and not when a pipe has been read.
  const logFile = join(folder, 'server.log');
  const log = () => readFileSync(logFile, 'utf8');
  const start = async () => {
    const words = ['-D', data, '-k', folder, ...(options.settings ?? []).flatMap((setting) => ['-c', setting])];
    const output = openSync(logFile, 'a');
    server = spawn('postgres', words, { ...spawnOptions, stdio: ['ignore', 'ignore', output] });
    closeSync(output);
    const process = server;
    for (;;) {
      if (process.exitCode !== null) throw new Error(`postgres ended with ${process.exitCode}: ${log()}`);
      if (
        await run('pg_isready', '-U', 'app', '-d', 'postgres').then(
          () => true,
          () => false,
        )
      )
        return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stop = async (how: 'SIGINT' | 'SIGQUIT' = 'SIGINT') => {
    const process = server;
    server = undefined;
    if (process?.exitCode !== null) return;
    const gone = once(process, 'close');
    process.kill(how);
    await gone;
  };
  const begin = async () => {
    if (options.volume !== undefined) {
      await start();
      return;
    }
    await mkdir(volume);
    await give(volume);
    await run('initdb', '-D', data, '-U', 'app', '-A', 'trust', '--no-sync', '--data-checksums', '-E', 'UTF8');
    await appendFile(join(data, 'postgresql.conf'), "listen_addresses = ''\n");
    await start();
    await run('createdb', '-U', 'app', '--maintenance-db', 'postgres', 'shop');
  };
  try {
    await begin();
  } catch (error) {
    await stop('SIGQUIT');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const cluster = localExecCluster({ env, ...UNPRIVILEGED });
  const remove = async () => {
    await cluster.stop();
    await stop('SIGQUIT');
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, volume, cluster, run, start, stop, log, remove };
}

async function give(path: string): Promise<void> {
  if (UNPRIVILEGED.uid !== undefined) await chown(path, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
}
