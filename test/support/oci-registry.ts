import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { issue, newAuthority } from '../../sandbox/certificates.ts';
import { freePort } from '../../sandbox/free-port.ts';

export const REGISTRY_USER = { username: 'ann', password: 'canary-registry' } as const;
const HTPASSWD = 'ann:$2b$05$abcdefghijklmnopqrstuuwtw9Eza0CO4CGwuNDTkbhwvJga4GB3i\n';
const ISSUER = 'holdfast-test';
/** Of Debian's package of that name. */
const PROGRAM = 'docker-registry';

export interface OciRegistry {
  /** `host:port`. */
  readonly host: string;
  /** A file with the authority of its certificate, PEM; '' without TLS. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/**
 * Debian's docker-registry (the reference registry), on a free port with a folder of its own. `basic` asks for a name and a password; `bearer` sends
 * the client to a server of tokens, which asks for them.
 */
export async function startOciRegistry(options: { readonly auth?: 'basic' | 'bearer'; readonly tls?: boolean } = {}): Promise<OciRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const authority = newAuthority('test registry');
  const server = issue(authority, { commonName: 'registry', usage: 'server' });
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const [certificate, key, caFile] = [
    await write('server.crt', server.certificate),
    await write('server.key', server.key),
    await write('ca.crt', authority.certificate),
  ];
  const tokens = options.auth === 'bearer' ? await startTokens(server) : undefined;
  const auth = {
    none: {},
    basic: { auth: { htpasswd: { realm: 'test', path: await write('htpasswd', HTPASSWD) } } },
    bearer: { auth: { token: { realm: tokens?.url ?? '', service: 'registry', issuer: ISSUER, rootcertbundle: caFile } } },
  }[options.auth ?? 'none'];
  const http = { addr: host, secret: 'x', ...(options.tls === true ? { tls: { certificate, key } } : {}) };
  const storage = { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } };
  const config = await write('config.yml', stringify({ version: 0.1, log: { level: 'error' }, storage, http, ...auth }));

  const child = spawn(PROGRAM, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-5_000)));
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    tokens?.server.closeAllConnections();
    tokens?.server.close();
    await rm(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await listens(host)); attempt += 1) {
    if (child.exitCode !== null || attempt === 600) {
      await stop();
      throw new Error(`docker-registry does not start: ${said}`);
    }
    await delay(50);
  }
  return { host, caFile: options.tls === true ? caFile : '', stop };
}

async function listens(host: string): Promise<boolean> {
  const [address = '', port] = host.split(':');
  const socket = connect(Number(port), address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Hands out tokens for what is asked for to whoever has the password. */
async function startTokens(signer: { readonly certificate: string; readonly key: string }): Promise<{ url: string; server: Server }> {
  const expected = `Basic ${Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    if (request.headers.authorization !== expected) response.writeHead(401).end('{"errors": []}');
    else response.end(JSON.stringify({ token: tokenFor(searchParams.getAll('scope'), signer) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, server };
}

/** A JSON Web Token, as the registry's documentation has it. */
function tokenFor(scopes: readonly string[], { certificate, key }: { readonly certificate: string; readonly key: string }): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const access = scopes.map((scope) => {
    const [type = '', name = '', actions = ''] = scope.split(':');
    return { type, name, actions: actions.split(',') };
  });
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, sub: 'ann', aud: 'registry', iat: now, nbf: now - 60, exp: now + 300, jti: 'x', access };
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(certificate).raw.toString('base64')] };
  const content = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(content), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}
