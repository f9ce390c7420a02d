import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createServer as createPort } from 'node:net';
import type { BareRepository } from './bare-repository.ts';

export interface GitServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** `git http-backend` behind node:http. Whoever does not send the token is refused with 401. */
export async function gitHttpServer(repository: BareRepository, token: string): Promise<GitServer & { readonly seen: readonly string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const sent = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (sent.endsWith(`:${token}`)) {
      backend(repository, request, response);
      return;
    }
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}/${basename(repository.folder)}`, seen, stop };
}

function backend(repository: BareRepository, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      ...{ PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      ...{ GIT_PROJECT_ROOT: dirname(repository.folder), GIT_HTTP_EXPORT_ALL: '1', REMOTE_USER: 'test' },
      ...{ PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method },
      ...{ CONTENT_TYPE: request.headers['content-type'], HTTP_CONTENT_ENCODING: request.headers['content-encoding'] },
      ...{ HTTP_GIT_PROTOCOL: request.headers['git-protocol'] },
    } as NodeJS.ProcessEnv,
  });
  request.pipe(child.stdin).on('error', () => undefined);
  let head = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    if (response.headersSent) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const headers = head
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(/: (.*)/s) as [string, string]);
    const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
    response.write(head.subarray(end + 4));
  });
  child.once('close', () => response.end());
}

export interface GitSshServer extends GitServer {
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** A key that the server does not know, and a host key that is not the server's. */
  readonly otherKeyFile: string;
  readonly otherKnownHostsFile: string;
}

/** Debian's sshd for this user alone, on a port of its own, with keys made for it. */
export async function gitSshServer(repository: BareRepository): Promise<GitSshServer> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-ssh-'));
  const key = async (name: string) => {
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', join(folder, name)]);
    return (await readFile(join(folder, `${name}.pub`), 'utf8')).trim();
  };
  const [host, user, otherHost] = await Promise.all([key('host'), key('user'), key('other-host'), key('other')]);
  const port = await freePort();
  await writeFile(join(folder, 'authorized'), `${user}\n`, { mode: 0o600 });
  await chmod(folder, 0o700);
  const settings = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(folder, 'host')}`, `AuthorizedKeysFile ${join(folder, 'authorized')}`],
    ...['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no', 'StrictModes no', 'PermitRootLogin prohibit-password'],
    `PidFile ${join(folder, 'pid')}`,
  ];
  await writeFile(join(folder, 'sshd_config'), `${settings.join('\n')}\n`);
  // It insists on the folder for its unprivileged part when it runs as root.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(server);
  const known = async (name: string, publicKey: string) => {
    await writeFile(join(folder, name), `[127.0.0.1]:${port} ${publicKey.split(' ').slice(0, 2).join(' ')}\n`);
    return join(folder, name);
  };
  const stop = async () => {
    const gone = once(server, 'close');
    server.kill('SIGTERM');
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}${repository.folder}`,
    keyFile: join(folder, 'user'),
    knownHostsFile: await known('known hosts', host),
    otherKeyFile: join(folder, 'other'),
    otherKnownHostsFile: await known('others', otherHost),
    stop,
  };
}

async function listening(server: ChildProcess): Promise<void> {
  let said = '';
  for await (const chunk of server.stderr ?? []) {
    said += String(chunk);
    if (said.includes('Server listening')) break;
  }
  if (!said.includes('Server listening')) throw new Error(`sshd ended: ${said}`);
}

async function freePort(): Promise<number> {
  const server = createPort().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
