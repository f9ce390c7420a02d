import { randomBytes } from 'node:crypto';

/** What a WebSocket frame carries (RFC 6455, 5.2). */
export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const;

interface Frame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface Message {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** API servers send pieces of some tens of KiB: more is not one of theirs, and must not fill the memory. */
const LONGEST_MESSAGE = 16 * 1024 * 1024;
const FINAL = 0x80;
const MASKED = 0x80;

/** One whole message as a client must send it: masked, with a key that nobody can foresee. At most 65,535 bytes: ours are smaller pieces. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const sizeBytes = length < 126 ? 0 : 2;
  const frame = Buffer.allocUnsafe(2 + sizeBytes + 4 + length);
  frame[0] = FINAL | opcode;
  frame[1] = MASKED | (sizeBytes === 0 ? length : 126);
  if (sizeBytes === 2) frame.writeUInt16BE(length, 2);
  const key = randomBytes(4);
  const keyAt = 2 + sizeBytes;
  key.copy(frame, keyAt);
  const begin = keyAt + 4;
  for (let index = 0; index < length; index += 1) {
    frame[begin + index] = (payload[index] ?? 0) ^ (key[index & 3] ?? 0);
  }
  return frame;
}

/**
 * The messages in a server's bytes, put together from their fragments. Control messages (close, ping, pong) come where they stand, also
 * between the fragments of another. Ends with the bytes; rejects when they are no frames, or a message is too long.
 */
export async function* readMessages(bytes: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  let fragments: Buffer[] = [];
  let length = 0;
  let opcode: number = Opcode.Continuation;
  for await (const frame of readFrames(bytes)) {
    if (frame.opcode >= Opcode.Close) {
      yield frame;
      continue;
    }
    if (frame.opcode !== Opcode.Continuation) opcode = frame.opcode;
    fragments.push(frame.payload);
    length += frame.payload.length;
    if (length > LONGEST_MESSAGE) throw new Error(`a message is longer than ${LONGEST_MESSAGE} bytes`);
    if (!frame.final) continue;
    yield { opcode, payload: fragments.length === 1 ? frame.payload : Buffer.concat(fragments) };
    fragments = [];
    length = 0;
  }
}

async function* readFrames(bytes: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  // What one frame needs is known early: bytes are joined once it is there, so that a long frame in many pieces costs linear time.
  let pieces: Buffer[] = [];
  let held = 0;
  let wanted = 2;
  for await (const piece of bytes) {
    pieces.push(piece);
    held += piece.length;
    if (held < wanted) continue;
    rest = Buffer.concat(pieces, held);
    for (;;) {
      wanted = frameLength(rest);
      if (rest.length < wanted) break;
      yield decodeFrame(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
    }
    pieces = [rest];
    held = rest.length;
  }
}

/** Bytes of the frame that begins here; of its header when more of that must be known first. */
function frameLength(bytes: Buffer): number {
  if (bytes.length < 2) return 2;
  const code = lengthCode(bytes);
  if (code < 126) return 2 + code;
  if (code === 126) return bytes.length < 4 ? 4 : 4 + bytes.readUInt16BE(2);
  if (bytes.length < 10) return 10;
  const length = bytes.readBigUInt64BE(2);
  if (length > BigInt(LONGEST_MESSAGE)) throw new Error(`a frame is longer than ${LONGEST_MESSAGE} bytes`);
  return 10 + Number(length);
}

function decodeFrame(bytes: Buffer): Frame {
  const first = bytes[0] ?? 0;
  const code = lengthCode(bytes);
  const headerBytes = code < 126 ? 2 : code === 126 ? 4 : 10;
  return { final: (first & FINAL) !== 0, opcode: first & 0x0f, payload: bytes.subarray(headerBytes) };
}

function lengthCode(bytes: Buffer): number {
  const second = bytes[1] ?? 0;
  if ((second & MASKED) !== 0) throw new Error('the server sent a masked frame');
  return second & 0x7f;
}
