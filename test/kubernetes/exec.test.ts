import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../kubernetes/exec.ts';
import { HttpClient } from '../../kubernetes/http-client.ts';
import type { CallOptions, ExecRequest } from '../../kubernetes/port.ts';
import { json, refuse } from './scripted-server.ts';
import { exitStatus, serverFrame, startExecServer, SUCCESS, type ServerStreams } from './exec-server.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Options = Parameters<typeof startExecServer>[0];
type More = Partial<ExecRequest> & CallOptions & { readonly pingMs?: number; readonly silenceMs?: number };

async function setUp(options: Options) {
  const server = await startExecServer(options);
  const client = new HttpClient(server.access);
  cleanups.push(
    () => client.close(),
    () => server.stop(),
  );
  const run = (more: More = {}) =>
    exec(client, 'prod', { namespace: 'a', pod: 'db-0', container: 'main', command: ['sh', '-c', 'echo "a b"'], ...more });
  return { server, client, run };
}

const script = (onStreams: (streams: ServerStreams) => void | Promise<void>) => setUp({ onStreams });

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await sleep(1);
    yield Buffer.from(text);
  }
}

describe('exec', () => {
  it('asks for the streams with the credentials of every request, and gives output and exit code', async () => {
    const { server, run } = await script((streams) => {
      streams.send(1, 'out ');
      streams.send(2, 'err');
      streams.send(1, 'put');
      streams.end(exitStatus(3));
    });
    expect(await run()).toStrictEqual({ exitCode: 3, stdout: 'out put', stderr: 'err' });
    const [request] = server.seen;
    const url = new URL(request?.url ?? '', 'https://x');
    expect(url.pathname).toBe('/prefix/api/v1/namespaces/a/pods/db-0/exec');
    expect(url.searchParams.getAll('command')).toStrictEqual(['sh', '-c', 'echo "a b"']);
    expect(url.searchParams.get('container')).toBe('main');
    expect(url.searchParams.has('stdin')).toBe(false);
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer t',
      'impersonate-user': 'jane',
      'sec-websocket-protocol': 'v5.channel.k8s.io, v4.channel.k8s.io',
    });
  });

  it('sends the input and its end', async () => {
    let input = '';
    const { run } = await script(async ({ received, send, end }) => {
      for await (const [opcode, payload] of received) {
        if (opcode !== 2) continue;
        if (payload[0] === 255) break;
        input += payload.subarray(1).toString();
      }
      send(1, input);
      end(SUCCESS);
    });
    const long = 'x'.repeat(200_000);
    expect(await run({ stdin: chunks('one', long, 'two') })).toMatchObject({ exitCode: 0 });
    expect(input).toBe(`one${long}two`);
  });

  it('sends no end of the input to a server that does not know it', async () => {
    const seen: number[] = [];
    const { run } = await setUp({
      protocol: 'v4.channel.k8s.io',
      onStreams: async ({ received, end }) => {
        setTimeout(() => {
          end(SUCCESS);
        }, 100);
        for await (const [opcode, payload] of received) if (opcode === 2) seen.push(payload[0]!);
      },
    });
    await run({ stdin: chunks('one') });
    expect(seen).toStrictEqual([0]);
  });

  it('puts fragments together, answers pings and reads frames of every length', async () => {
    const pongs: string[] = [];
    const { run } = await script(async ({ raw, end, received }) => {
      raw(serverFrame(0x02, Buffer.from('\x01frag')));
      raw(serverFrame(0x89, Buffer.from('are you there')));
      raw(serverFrame(0x80, Buffer.from('ments ')));
      for (const length of [125, 126, 65_535, 65_536]) raw(serverFrame(0x82, Buffer.alloc(length, 1)));
      for await (const [opcode, payload] of received) {
        if (opcode === 10) {
          pongs.push(payload.toString());
          break;
        }
      }
      end(SUCCESS);
    });
    const received: Buffer[] = [];
    await run({ onStdout: (chunk) => void received.push(Buffer.from(chunk)) });
    const all = Buffer.concat(received);
    expect(all.subarray(0, 10).toString()).toBe('fragments ');
    expect(all.length).toBe(10 + 124 + 125 + 65_534 + 65_535);
    expect(pongs).toStrictEqual(['are you there']);
  });

  it('keeps the last 64 KiB of each output', async () => {
    const { run } = await script((streams) => {
      for (let index = 0; index < 40; index += 1) {
        streams.send(1, 'x'.repeat(10_000));
        streams.send(2, 'y'.repeat(10_000));
      }
      streams.send(1, 'the end');
      streams.end(SUCCESS);
    });
    const { stdout, stderr } = await run();
    expect([stdout.length, stderr.length]).toStrictEqual([65_536, 65_536]);
    expect(stdout.endsWith('xthe end')).toBe(true);
  });

  it('lets the command wait while its output is taken slowly', async () => {
    let sent = 0;
    const { run } = await script(async (streams) => {
      const piece = Buffer.alloc(64 * 1024, 7);
      for (let index = 0; index < 512; index += 1) {
        sent += piece.length;
        if (!streams.send(1, piece)) await new Promise((resolve) => streams.socket.once('drain', resolve));
      }
      streams.end(SUCCESS);
    });
    let taken = 0;
    let first = true;
    let sentWhileWaiting = 0;
    const result = await run({
      onStdout: async (chunk) => {
        taken += chunk.length;
        if (!first) return;
        first = false;
        await sleep(500);
        sentWhileWaiting = sent;
      },
    });
    expect(result.stdout).toBe('');
    expect(taken).toBe(512 * 64 * 1024);
    // What fits into the buffers of two sockets, of 32 MiB.
    expect(sentWhileWaiting).toBeLessThan(16 * 1024 * 1024);
  });

  it('takes the first container when none is named', async () => {
    const { server, run } = await setUp({
      answer: (_request, response) => {
        json(response, 200, { spec: { containers: [{ name: 'first' }, { name: 'second' }] } });
      },
      onStreams: ({ end }) => {
        end(SUCCESS);
      },
    });
    await run({ container: '' });
    expect(server.seen[0]?.url).toBe('/prefix/api/v1/namespaces/a/pods/db-0');
    expect(new URL(server.seen[1]?.url ?? '', 'https://x').searchParams.get('container')).toBe('first');
  });

  it.each([
    [404, 'NotFound', 'pods "db-0" not found'],
    [403, 'Forbidden', 'pods "db-0" is forbidden'],
    [400, 'BadInput', 'container x is not valid for pod db-0'],
    [503, 'Unavailable', 'not now'],
  ])("a refusal with %i is %s with the server's words", async (status, type, message) => {
    const { run } = await setUp({
      refuseUpgrade: true,
      answer: (_request, response) => {
        refuse(response, status, { message });
      },
    });
    await expect(run()).rejects.toMatchObject({ type, message: `cluster prod: cannot run a command in pods a/db-0: ${message}` });
  });

  it.each([
    ['container not found ("main")', 'NotFound'],
    ['error dialing backend: EOF', 'Unavailable'],
  ])('the kubelet\'s failure "%s" is %s', async (message, type) => {
    const { run } = await script(({ end }) => {
      end({ status: 'Failure', reason: 'InternalError', message, code: 500 });
    });
    await expect(run()).rejects.toMatchObject({ type });
  });

  it('a program that the container lacks is a result', async () => {
    const message = 'OCI runtime exec failed: exec: "psql": executable file not found in $PATH: unknown';
    const { run } = await script(({ end }) => {
      end({ status: 'Failure', reason: 'InternalError', message, code: 500 });
    });
    expect(await run()).toStrictEqual({ exitCode: 127, stdout: '', stderr: message });
  });

  it.each([
    ['breaks', ({ socket }: ServerStreams) => socket.destroy()],
    [
      'is closed',
      ({ raw }: ServerStreams) => {
        raw(serverFrame(0x88, Buffer.from([0x03, 0xe9])));
      },
    ],
    [
      'carries no frames',
      ({ raw }: ServerStreams) => {
        raw(serverFrame(0xff, Buffer.from('x')).fill(0xff, 1));
      },
    ],
  ])('is Unavailable when the connection %s', async (_what, act) => {
    const { run } = await script((streams) => {
      streams.send(1, 'some');
      setTimeout(() => {
        act(streams);
      }, 20);
    });
    await expect(run()).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('leaves a connection from which no sign of life comes', async () => {
    const { server, run } = await script(() => undefined);
    const begin = performance.now();
    await expect(run({ pingMs: 30, silenceMs: 150 })).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'cluster prod: cannot run a command in pods a/db-0: nothing came for 0.15 s',
    });
    expect(performance.now() - begin).toBeLessThan(2_000);
    await sleep(50);
    expect(server.sockets.size).toBe(0);
  });

  it('stays while pings are answered, however long the command is silent', async () => {
    const { run } = await script(async ({ received, raw, end }) => {
      setTimeout(() => {
        end(SUCCESS);
      }, 600);
      for await (const [opcode, payload] of received) if (opcode === 9) raw(serverFrame(0x8a, payload));
    });
    expect(await run({ pingMs: 30, silenceMs: 150 })).toMatchObject({ exitCode: 0 });
  });

  it('ends at once with the signal, and closes the connection', async () => {
    const { server, run } = await script(() => undefined);
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 50);
    const waiting = new Promise<IteratorResult<Uint8Array>>(() => undefined);
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => waiting }) };
    await expect(run({ signal: controller.signal, stdin: silent })).rejects.toThrow('enough');
    await sleep(50);
    expect(server.sockets.size).toBe(0);
  });

  it.each(['input', 'output'])("ends with the failure of the caller's %s", async (which) => {
    const { server, run } = await script(({ send }) => void send(1, 'x'));
    async function* failing(): AsyncGenerator<Uint8Array> {
      await sleep(10);
      throw new TypeError('mine');
    }
    const mine = which === 'input' ? { stdin: failing() } : { onStdout: () => Promise.reject(new TypeError('mine')) };
    await expect(run(mine)).rejects.toThrow(new TypeError('mine'));
    await sleep(50);
    expect(server.sockets.size).toBe(0);
  });

  it('does not speak to what only pretends', async () => {
    const { run } = await setUp({ protocol: 'chat' });
    await expect(run()).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('ends with the client', async () => {
    const { client, run } = await script(() => undefined);
    setTimeout(() => void client.close(), 50);
    await expect(run()).rejects.toMatchObject({ type: 'Unavailable' });
  });
});
