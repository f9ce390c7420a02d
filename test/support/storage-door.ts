import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/**
 * A TCP relay to a server on loopback, at one port of two addresses: pods come to the node's link and are led to loopback, the worker comes to
 * the link itself. It can hold what comes through, so that something is under way for as long as a test wants.
 */
export class StorageDoor {
  readonly #servers: readonly Server[];
  readonly #sockets = new Set<Socket>();
  #left = Infinity;
  #open: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;
  #onHeld: () => void = () => undefined;

  private constructor(port: number) {
    this.#servers = [this.#relay(port), this.#relay(port)];
  }

  /** To the server at `port` of loopback, for whoever comes to that address. */
  static async open(port: number, address: string): Promise<StorageDoor> {
    const door = new StorageDoor(port);
    const [inner, outer] = door.#servers;
    inner?.listen(0, '127.0.0.1');
    await once(inner!, 'listening');
    outer?.listen(door.port, address);
    await once(outer!, 'listening');
    return door;
  }

  get port(): number {
    return (this.#servers[0]?.address() as AddressInfo).port;
  }

  /** Lets so many more bytes through, in both directions together; resolves when they have come and everything stands still. */
  holdAfter(bytes: number): Promise<void> {
    this.#left = bytes;
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
    return new Promise((resolve) => {
      this.#onHeld = resolve;
    });
  }

  /** Lets everything through again. */
  letGo(): void {
    this.#left = Infinity;
    this.#release();
  }

  async close(): Promise<void> {
    this.letGo();
    const closed = this.#servers.map((server) => server[Symbol.asyncDispose]());
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #relay(port: number): Server {
    return createServer((outer) => {
      const inner = connect(port, '127.0.0.1');
      for (const end of [outer, inner]) {
        this.#sockets.add(end);
        end.on('close', () => this.#sockets.delete(end));
        end.on('error', () => {
          for (const one of [outer, inner]) one.destroy();
        });
      }
      outer.pipe(this.#gate()).pipe(inner).pipe(this.#gate()).pipe(outer);
    });
  }

  #gate(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#left -= chunk.length;
        if (this.#left > 0) {
          done(null, chunk);
          return;
        }
        this.#onHeld();
        void this.#open.then(() => {
          done(null, chunk);
        });
      },
    });
  }
}
