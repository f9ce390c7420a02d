import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Passes TCP on to a port of this machine, and holds the answers back once so many bytes of them have passed, until they are let go. */
export class HoldingProxy {
  readonly port: number;
  readonly #stop: () => Promise<void>;
  readonly #held = new Set<Socket>();
  #left: number;

  private constructor(port: number, afterBytes: number, stop: () => Promise<void>) {
    this.port = port;
    this.#left = afterBytes;
    this.#stop = stop;
  }

  static async start(target: number, afterBytes: number): Promise<HoldingProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1');
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket
          .once('error', () => undefined)
          .once('close', () => {
            sockets.delete(socket);
            client.destroy();
            upstream.destroy();
          });
      }
      client.pipe(upstream);
      upstream.on('data', (chunk: Buffer) => {
        proxy.#pass(upstream, client, chunk);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const stop = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    };
    const proxy = new HoldingProxy((server.address() as AddressInfo).port, afterBytes, stop);
    return proxy;
  }

  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** From now on everything passes. */
  letGo(): void {
    this.#left = Number.POSITIVE_INFINITY;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  #pass(upstream: Socket, client: Socket, chunk: Buffer): void {
    client.write(chunk);
    this.#left -= chunk.length;
    if (this.#left > 0) return;
    upstream.pause();
    this.#held.add(upstream);
  }
}
