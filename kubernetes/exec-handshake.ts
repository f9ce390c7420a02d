import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { refusedFailure } from './failures.ts';
import type { HttpClient } from './http-client.ts';
import { describe, type Operation } from './operation.ts';

/** The newer one can say that the input has ended. */
const HALF_CLOSING = 'v5.channel.k8s.io';
const PROTOCOLS = [HALF_CLOSING, 'v4.channel.k8s.io'];
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface OpenStreams {
  readonly socket: Duplex;
  /** Whether the end of the input can be sent. */
  readonly canEndInput: boolean;
}

interface StreamsRequest {
  /** With the query. */
  readonly path: string;
  readonly operation: Operation;
  readonly signal: AbortSignal | undefined;
}

/** Opens the WebSocket that carries a command's streams. A refusal is the failure that the API server's `Status` stands for. */
export async function openStreams(client: HttpClient, { path, operation, signal }: StreamsRequest): Promise<OpenStreams> {
  const key = randomBytes(16).toString('base64');
  const headers = { 'sec-websocket-version': '13', 'sec-websocket-key': key, 'sec-websocket-protocol': PROTOCOLS.join(', ') };
  const upgrade = { protocol: 'websocket', headers };
  // kubelet answers 406 to a client that wants JSON.
  const answer = await client.upgrade({ method: 'GET', path, accept: '*/*', operation, signal, upgrade });
  const { socket } = answer;
  if (!socket) throw refusedFailure(operation, answer);
  const protocol = answer.headers['sec-websocket-protocol'];
  const accept = createHash('sha1').update(key).update(ACCEPT_SUFFIX).digest('base64');
  if (answer.status === 101 && answer.headers['sec-websocket-accept'] === accept && PROTOCOLS.includes(String(protocol))) {
    return { socket, canEndInput: protocol === HALF_CLOSING };
  }
  socket.destroy();
  throw new HoldfastError(FailureType.Unavailable, `${describe(operation)}: the server does not speak ${PROTOCOLS.join(' or ')}`, {
    advice: 'check that proxies and load balancers before the API server let WebSockets pass, and that it is Kubernetes 1.23 or newer',
  });
}
