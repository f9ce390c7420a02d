import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClusterAccess } from '../../kubernetes/cluster-access.ts';
import { selfSigned } from './self-signed.ts';

/** The server's end of a command's streams. */
export interface ServerStreams {
  readonly socket: Duplex;
  readonly request: IncomingMessage;
  /** Sends a message; true when it left the process. */
  readonly send: (channel: number, content: Buffer | string) => boolean;
  /** Sends the bytes of frames as they are. */
  readonly raw: (bytes: Buffer) => void;
  /** Sends the status of the error channel. */
  readonly end: (status: object) => void;
  /** The client's messages: `[opcode, payload]`, unmasked. */
  readonly received: AsyncIterable<readonly [number, Buffer]>;
}

export const SUCCESS = { metadata: {}, status: 'Success' };
export const exitStatus = (code: number) => ({
  status: 'Failure',
  reason: 'NonZeroExitCode',
  message: `command terminated with non-zero exit code: exit status ${code}`,
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
});

interface ExecServerOptions {
  readonly protocol?: string;
  /** Answers what is no upgrade, and the upgrade itself when `refuseUpgrade` is set. */
  readonly answer?: RequestListener;
  readonly refuseUpgrade?: boolean;
  readonly onStreams?: (streams: ServerStreams) => void | Promise<void>;
}

/** An HTTPS server that speaks the protocol of exec as the test tells it. */
export async function startExecServer(options: ExecServerOptions) {
  const { certificate, key } = selfSigned();
  const seen: IncomingMessage[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer({ cert: certificate, key }, (request, response) => {
    seen.push(request);
    options.answer?.(request, response);
  });
  if (options.refuseUpgrade !== true) {
    server.on('upgrade', (request, socket) => {
      seen.push(request);
      accept(request, socket, options);
    });
  }
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const access: ClusterAccess = {
    contextName: 'scripted',
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`,
    namespace: '',
    proxyUrl: '',
    localVolumes: '',
    credentials: () => Promise.resolve({ headers: { Authorization: 'Bearer t', 'Impersonate-User': 'jane' }, tls: { ca: certificate } }),
    refresh: () => undefined,
  };
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { access, seen, sockets, stop };
}

function accept(request: IncomingMessage, socket: Duplex, { protocol = 'v5.channel.k8s.io', onStreams }: ExecServerOptions): void {
  const digest = createHash('sha1').update(`${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${digest.digest('base64')}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  const send = (channel: number, content: Buffer | string) =>
    socket.write(serverFrame(0x82, Buffer.concat([Buffer.from([channel]), Buffer.from(content)])));
  const end = (status: object) => {
    send(3, JSON.stringify(status));
    socket.write(serverFrame(0x88, Buffer.from([0x03, 0xe8])));
  };
  const raw = (bytes: Buffer) => void socket.write(bytes);
  void onStreams?.({ socket, request, send, raw, end, received: clientFrames(socket) });
  // A socket that nobody reads does not see its end; reading by iteration takes over from this.
  socket.resume();
}

export function serverFrame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  const size = Buffer.alloc(length < 126 ? 1 : length < 65_536 ? 3 : 9);
  if (length < 126) size[0] = length;
  else if (length < 65_536) size.writeUInt16BE(length, 1);
  else size.writeBigUInt64BE(BigInt(length), 1);
  if (length >= 126) size[0] = length < 65_536 ? 126 : 127;
  return Buffer.concat([Buffer.from([first]), size, payload]);
}

async function* clientFrames(socket: Duplex): AsyncGenerator<readonly [number, Buffer]> {
  let held = Buffer.alloc(0);
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of untilBroken(chunks)) {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < 6) break;
      if ((held[1]! & 0x80) === 0) throw new Error('a frame of the client is not masked');
      const code = held[1]! & 0x7f;
      const at = code < 126 ? 2 : code === 126 ? 4 : 10;
      if (held.length < at + 4) break;
      const length = code < 126 ? code : code === 126 ? held.readUInt16BE(2) : Number(held.readBigUInt64BE(2));
      if (held.length < at + 4 + length) break;
      const mask = held.subarray(at, at + 4);
      const payload = Buffer.from(held.subarray(at + 4, at + 4 + length).map((byte, index) => byte ^ mask[index & 3]!));
      const opcode = held[0]! & 0x0f;
      held = held.subarray(at + 4 + length);
      yield [opcode, payload];
    }
  }
}

async function* untilBroken(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch {
    // The test has seen enough when the client leaves.
  }
}
