import type { Duplex } from 'node:stream';
import { once } from 'node:events';
import { encodeFrame, Opcode, readMessages } from './exec-frames.ts';
import type { OpenStreams } from './exec-handshake.ts';

/** The first byte of a message says what it belongs to. */
const Channel = { Stdin: 0, Stdout: 1, Stderr: 2, Error: 3, Close: 255 } as const;

/** Largest piece of input in one message; kubectl's. */
const PIECE_BYTES = 32 * 1024;
/** Of a control frame, by RFC 6455. */
const LONGEST_PONG = 125;
const PING_MS = 10_000;
/** Without a sign of life for so long nobody is at the other end. */
const SILENCE_MS = 60_000;

export interface StreamHandlers {
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly onStdout: (chunk: Buffer) => void | Promise<void>;
  readonly onStderr: (chunk: Buffer) => void;
  /** Milliseconds between pings, and of silence before the connection counts as lost. */
  readonly pingMs?: number;
  readonly silenceMs?: number;
}

/**
 * Carries a command's streams until it has ended, and gives the message of the error channel; undefined when the connection closed before.
 * Nothing is read while `onStdout` is at work, so that the command waits. The socket is destroyed in every case.
 */
export async function carryStreams({ socket, canEndInput }: OpenStreams, handlers: StreamHandlers): Promise<Buffer | undefined> {
  // What breaks the connection reaches us by reading; the event alone would end the process.
  socket.on('error', () => undefined);
  const life = keepAlive(socket, handlers);
  const input = handlers.stdin ? handlers.stdin[Symbol.asyncIterator]() : undefined;
  const ended = new AbortController();
  try {
    // Only the failure of the input counts: that it has ended says nothing about the command.
    const inputFailure = input ? pumpInput(socket, input, { canEndInput, ended: ended.signal, life }) : undefined;
    const output = readOutput(socket, handlers, life);
    return await (inputFailure ? Promise.race([output, inputFailure.then(() => output)]) : output);
  } finally {
    ended.abort();
    life.stop();
    socket.destroy();
    // Not waited for: an input that has nothing to give now would hold us.
    input?.return?.().catch(() => undefined);
  }
}

async function readOutput(socket: Duplex, handlers: StreamHandlers, life: Life): Promise<Buffer | undefined> {
  for await (const { opcode, payload } of readMessages(socket)) {
    life.heard();
    if (opcode === Opcode.Close) return undefined;
    if (opcode === Opcode.Ping) socket.write(encodeFrame(Opcode.Pong, payload.subarray(0, LONGEST_PONG)));
    if (opcode !== Opcode.Binary && opcode !== Opcode.Text) continue;
    const [channel] = payload;
    const content = payload.subarray(1);
    if (channel === Channel.Error && content.length > 0) return content;
    if (channel === Channel.Stderr) handlers.onStderr(content);
    if (channel === Channel.Stdout && content.length > 0) await life.whileBusy(() => handlers.onStdout(content));
  }
  return undefined;
}

interface InputState {
  readonly canEndInput: boolean;
  readonly ended: AbortSignal;
  readonly life: Life;
}

async function pumpInput(socket: Duplex, input: AsyncIterator<Uint8Array>, { canEndInput, ended, life }: InputState): Promise<void> {
  for (let next = await input.next(); next.done !== true; next = await input.next()) {
    for (let from = 0; from < next.value.length; from += PIECE_BYTES) {
      if (ended.aborted || socket.destroyed) return;
      const piece = Buffer.concat([Buffer.from([Channel.Stdin]), next.value.subarray(from, from + PIECE_BYTES)]);
      if (!socket.write(encodeFrame(Opcode.Binary, piece))) await life.whileBusy(() => drained(socket, ended));
    }
  }
  if (canEndInput && !socket.destroyed) socket.write(encodeFrame(Opcode.Binary, Buffer.from([Channel.Close, Channel.Stdin])));
}

async function drained(socket: Duplex, ended: AbortSignal): Promise<void> {
  await once(socket, 'drain', { signal: ended }).catch(() => undefined);
}

interface Life {
  heard(): void;
  /** While this runs, silence is ours or the command's, not the connection's. */
  whileBusy(work: () => void | Promise<void>): Promise<void>;
  stop(): void;
}

/** Pings, and destroys the socket when nothing comes back. */
function keepAlive(socket: Duplex, { pingMs = PING_MS, silenceMs = SILENCE_MS }: StreamHandlers): Life {
  let lastHeard = performance.now();
  let busy = 0;
  const timer = setInterval(() => {
    if (busy > 0) return;
    if (performance.now() - lastHeard > silenceMs) socket.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`));
    else socket.write(encodeFrame(Opcode.Ping, Buffer.alloc(0)));
  }, pingMs);
  const heard = () => {
    lastHeard = performance.now();
  };
  return {
    heard,
    whileBusy: async (work) => {
      busy += 1;
      try {
        await work();
      } finally {
        busy -= 1;
        heard();
      }
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
