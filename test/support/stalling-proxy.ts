import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface StallingProxy {
  readonly port: number;
  /** Connections that get no more. */
  readonly stalled: () => number;
  stop(): Promise<void>;
}

/**
 * Passes TCP on to a port, and goes silent on every connection after so many bytes of answers: nothing more comes, and nothing is closed. Without a port it
 * accepts and never answers.
 */
export async function stallingProxy(target: number | undefined, afterBytes: number): Promise<StallingProxy> {
  const sockets = new Set<Socket>();
  let stalled = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    if (target === undefined) {
      stalled += 1;
      client.resume();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    keep(upstream);
    client.pipe(upstream);
    let left = afterBytes;
    upstream.on('data', (chunk: Buffer) => {
      if (left > 0) client.write(chunk.subarray(0, left));
      if (left > 0 && chunk.length >= left) stalled += 1;
      left = Math.max(0, left - chunk.length);
    });
    upstream.once('end', () => left > 0 && client.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stalled: () => stalled,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
