import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../sandbox/free-port.ts';
import { executableOnPath } from '../../sandbox/find-tool.ts';
import { searchEngineFolder, type SearchEngine } from '../../sandbox/node/search-engine-files.ts';
import { localExecCluster, type LocalExecCluster } from './local-exec-cluster.ts';

/** The servers refuse to run as root: as nobody then. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const run = promisify(execFile);

export interface SearchEngineServer {
  readonly folder: string;
  /** Below it lies `repo`, its path.repo. */
  readonly url: string;
  /** Runs commands where the server is, as in its container. */
  readonly cluster: LocalExecCluster;
  /** The answer to a request; rejects for 400 and above. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Several lines of JSON to `_bulk`. */
  bulk(lines: readonly unknown[]): Promise<void>;
  remove(): Promise<void>;
}

interface ServerOptions {
  /** Of the user `elastic`; without one there is no security. */
  readonly password?: string;
  /** Of an earlier server: its snapshots are there. */
  readonly repository?: string;
}

/** A server of one node in a temporary folder: data in `data`, path.repo is `repo`. */
export async function searchEngineServer(engine: SearchEngine, options: ServerOptions = {}): Promise<SearchEngineServer> {
  const folder = await mkdtemp(join(tmpdir(), 'hfse-'));
  const [port, transport] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const authorization = options.password === undefined ? {} : { authorization: `Basic ${btoa(`elastic:${options.password}`)}` };
  const request = async (method: string, path: string, body?: string) => {
    const headers = { 'content-type': 'application/json', ...authorization };
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as unknown;
  };
  let server: ChildProcess | undefined;
  const cluster = localExecCluster({
    env: { PATH: '/usr/bin:/bin', ...(options.password === undefined ? {} : { ELASTIC_PASSWORD: options.password }) },
    ...UNPRIVILEGED,
  });
  const remove = async () => {
    await cluster.stop();
    if (server?.pid !== undefined && server.exitCode === null) {
      const gone = once(server, 'close');
      // The starter and the server that it has started.
      process.kill(-server.pid, 'SIGKILL');
      await gone;
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await prepare(engine, { folder, port, transport, options });
    server = await start(engine, folder, () => request('GET', '/_cluster/health'));
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folder,
    url,
    cluster,
    ask: (method, path, body) => request(method, path, body === undefined ? undefined : JSON.stringify(body)),
    bulk: async (lines) => {
      const answer = await request('POST', '/_bulk', `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
      if ((answer as { errors: boolean }).errors) throw new Error('_bulk has refused documents');
    },
    remove,
  };
}

interface Preparation {
  readonly folder: string;
  readonly port: number;
  readonly transport: number;
  readonly options: ServerOptions;
}

async function prepare(engine: SearchEngine, { folder, port, transport, options }: Preparation): Promise<void> {
  const home = join(folder, 'home');
  await run('cp', ['-r', '--reflink=auto', await searchEngineFolder(engine), home]);
  for (const made of ['data', 'repo', 'tmp']) await mkdir(join(folder, made));
  if (options.repository !== undefined) await run('cp', ['-r', `${options.repository}/.`, join(folder, 'repo')]);
  for (const program of await readdir(join(home, 'bin'))) await chmod(join(home, 'bin', program), 0o755);
  const settings = [
    'cluster.name: test',
    'node.name: node-0',
    `path.data: ${join(folder, 'data')}`,
    `path.logs: ${join(folder, 'logs')}`,
    `path.repo: [${join(folder, 'repo')}]`,
    'network.host: 127.0.0.1',
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    'discovery.type: single-node',
    'cluster.routing.allocation.disk.threshold_enabled: false',
    ...(engine === 'elasticsearch' ? [`xpack.security.enabled: ${options.password !== undefined}`] : []),
  ];
  await writeFile(join(home, 'config', `${engine}.yml`), `${settings.join('\n')}\n`);
  await run('chmod', ['755', folder]);
  if (UNPRIVILEGED.uid !== undefined) await run('chown', ['-R', `${UNPRIVILEGED.uid}:${UNPRIVILEGED.gid}`, folder]);
  if (options.password !== undefined) await setPassword(folder, options.password);
}

async function start(engine: SearchEngine, folder: string, ask: () => Promise<unknown>): Promise<ChildProcess> {
  const server = spawn(join(folder, 'home', 'bin', engine), [], {
    env: await environment(folder),
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...UNPRIVILEGED,
  });
  let log = '';
  for (const output of [server.stdout, server.stderr])
    output.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
  for (;;) {
    if (server.exitCode !== null) throw new Error(`${engine} ended with ${server.exitCode}: ${log}`);
    const isThere = await ask().then(
      () => true,
      () => false,
    );
    if (isThere) return server;
    await sleep(200);
  }
}

/** As the image's start script does with ELASTIC_PASSWORD. */
async function setPassword(folder: string, password: string): Promise<void> {
  const keystore = join(folder, 'home', 'bin', 'elasticsearch-keystore');
  const options = { env: await environment(folder), cwd: folder, ...UNPRIVILEGED };
  await run(keystore, ['create'], options);
  const adding = run(keystore, ['add', '--stdin', 'bootstrap.password'], options);
  adding.child.stdin?.end(password);
  await adding;
}

async function environment(folder: string): Promise<Record<string, string>> {
  const java = await executableOnPath(process.env['PATH'] ?? '', 'java');
  if (java === undefined) throw new Error('no java on PATH');
  const home = dirname(dirname(await realpath(java)));
  // It is started more than it is used: without the slower compiler it is there sooner.
  const machine = '-Xms400m -Xmx400m -XX:TieredStopAtLevel=1';
  const temporary = join(folder, 'tmp');
  return {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    ES_JAVA_HOME: home,
    OPENSEARCH_JAVA_HOME: home,
    ES_JAVA_OPTS: machine,
    OPENSEARCH_JAVA_OPTS: machine,
    ES_TMPDIR: temporary,
    OPENSEARCH_TMPDIR: temporary,
  };
}
