import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ClusterAccess } from '../../kubernetes/cluster-access.ts';

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request; `index` counts from 0. */
export type Answer = (response: ServerResponse, request: SeenRequest, index: number) => void;

/** An HTTP server whose every answer the test decides. */
export interface ScriptedServer {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  stop(): Promise<void>;
}

export async function startScriptedServer(answer: Answer): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      requests.push(seen);
      answer(response, seen, requests.length - 1);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop };
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A Kubernetes `Status`, as the API server refuses. */
export function refuse(
  response: ServerResponse,
  status: number,
  details: { reason?: string; message?: string; metadata?: object } = {},
): void {
  json(response, status, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, ...details });
}

/** Access to a scripted server with a token that changes with each refresh: `token-0`, `token-1`, ... */
export function scriptedAccess(url: string): ClusterAccess & { refreshes: () => number } {
  let refreshes = 0;
  return {
    contextName: 'scripted',
    server: url,
    namespace: '',
    proxyUrl: '',
    localVolumes: '',
    credentials: () => Promise.resolve({ headers: { Authorization: `Bearer token-${refreshes}` }, tls: {} }),
    refresh: () => {
      refreshes += 1;
    },
    refreshes: () => refreshes,
  };
}
