import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { chartArchive } from '../../helm/chart-archive.ts';
import { decodeRecord } from '../../helm/decode-record.ts';
import { OciRegistry } from '../../helm/oci-registry.ts';
import { issue, newAuthority } from '../../sandbox/certificates.ts';
import { record } from '../support/helm-records.ts';

const NEVER = new AbortController().signal;
const CHART = chartArchive(decodeRecord(record()));
const USER = { username: 'ann', password: 'canary-password' };

/** The real registry is in test/integration; these servers do what it would not. */
describe('credentials for a registry', () => {
  const servers: Server[] = [];
  const seen: { readonly port: number; readonly line: string; readonly authorization: string | undefined }[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
    seen.length = 0;
  });

  type Handler = (request: IncomingMessage, response: ServerResponse) => void;
  const serve = async (server: Server, handler: Handler): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      request.resume().once('end', () => {
        seen.push({ port, line: `${request.method ?? ''} ${request.url ?? ''}`, authorization: request.headers.authorization });
        handler(request, response);
      });
    });
    servers.push(server);
    return port;
  };

  it('are not sent where the registry sends an upload to, and failures that pass are waited for', async () => {
    const storage = await serve(createServer(), (_request, response) => response.writeHead(201).end());
    const failing = [500, 503];
    const port = await serve(createServer(), ({ method, headers }, response) => {
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (failing.length > 0) response.writeHead(failing.shift() ?? 500).end();
      else if (method === 'POST') response.writeHead(202, { location: `http://127.0.0.1:${storage}/upload?state=1` }).end();
      else response.writeHead(method === 'PUT' ? 201 : 404).end();
    });
    const registry = new OciRegistry({ name: 'r', url: `oci://127.0.0.1:${port}`, plainHttp: true, retryAfterMs: 1, ...USER });
    expect(await registry.push(CHART, NEVER)).toMatchObject({ outcome: 'pushed', reference: `oci://127.0.0.1:${port}/web:1.2.3` });
    const uploads = seen.filter((request) => request.port === storage);
    expect(uploads).toHaveLength(2);
    expect(uploads.every(({ line, authorization }) => authorization === undefined && /state=1&digest=sha256/.test(line))).toBe(true);
  });

  it('are not sent to a place of tokens without TLS when the registry has it', async () => {
    const tokens = await serve(createServer(), (_request, response) => response.end('{"token": "x"}'));
    const authority = newAuthority('test');
    const { certificate, key } = issue(authority, { commonName: 'registry', usage: 'server' });
    const challenge = `Bearer realm="http://127.0.0.1:${tokens}/token",service="x"`;
    const port = await serve(createTlsServer({ cert: certificate, key }), (_request, response) =>
      response.writeHead(401, { 'www-authenticate': challenge }).end(),
    );
    const registry = new OciRegistry({ name: 'r', url: `oci://127.0.0.1:${port}/a`, ca: authority.certificate, retryAfterMs: 1, ...USER });
    await expect(registry.push(CHART, NEVER)).rejects.toMatchObject({
      message: 'chart repository "r" names no safe place to get a token from',
    });
    expect(seen.every((request) => request.port !== tokens)).toBe(true);
  });

  it('are asked for once: a token that is refused is not tried again', async () => {
    const port = await serve(createServer(), (_request, response) =>
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="x"' }).end(),
    );
    const registry = new OciRegistry({ name: 'r', url: `oci://127.0.0.1:${port}/a`, plainHttp: true, token: 'canary-token' });
    await expect(registry.push(CHART, NEVER)).rejects.toMatchObject({
      type: 'Forbidden',
      message: expect.not.stringContaining('canary') as unknown,
    });
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer canary-token']);
  });
});
