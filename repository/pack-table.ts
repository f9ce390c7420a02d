import { damaged } from './failures.ts';
import { SEGMENT_ID_BYTES } from './segment-codec.ts';

const ENTRY_BYTES = SEGMENT_ID_BYTES + 12;
const PACK_HEAD_BYTES = 40;
const GENERATION_BYTES = 4;

/** Where one segment lies in its pack, in bytes. */
export interface FrameEntry {
  readonly id: Buffer;
  readonly offset: number;
  readonly length: number;
  readonly plainLength: number;
}

/** One pack and what is in it. */
export interface PackTable {
  /** SHA-256 of the file, hexadecimal. */
  readonly packId: string;
  readonly sizeBytes: number;
  readonly frames: readonly FrameEntry[];
}

/** Plain bytes of a pack's trailer. */
export function encodeTrailer(frames: readonly FrameEntry[], generation: number): Buffer {
  const bytes = Buffer.alloc(GENERATION_BYTES + frames.length * ENTRY_BYTES);
  bytes.writeUInt32BE(generation);
  writeFrames(bytes, GENERATION_BYTES, frames);
  return bytes;
}

export function decodeTrailer(plain: Buffer, where: string): FrameEntry[] {
  const count = (plain.length - GENERATION_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(count) || count < 0) throw damaged(where, 'its trailer has an impossible size');
  return readFrames(plain, GENERATION_BYTES, count);
}

/** Plain bytes of an index. */
export function encodeIndex(packs: readonly PackTable[], generation: number): Buffer {
  const size = packs.reduce((sum, pack) => sum + PACK_HEAD_BYTES + pack.frames.length * ENTRY_BYTES, GENERATION_BYTES);
  const bytes = Buffer.alloc(size);
  let at = bytes.writeUInt32BE(generation);
  for (const pack of packs) {
    at += bytes.write(pack.packId, at, 'hex');
    at = bytes.writeUInt32BE(pack.sizeBytes, at);
    at = bytes.writeUInt32BE(pack.frames.length, at);
    at = writeFrames(bytes, at, pack.frames);
  }
  return bytes;
}

/** One pack after the other, so that a large index never exists as objects all at once. */
export function* decodeIndex(plain: Buffer, where: string): Generator<PackTable> {
  for (let at = GENERATION_BYTES; at < plain.length;) {
    if (at + PACK_HEAD_BYTES > plain.length) throw damaged(where, 'its table ends early');
    const packId = plain.toString('hex', at, at + 32);
    const sizeBytes = plain.readUInt32BE(at + 32);
    const count = plain.readUInt32BE(at + 36);
    at += PACK_HEAD_BYTES;
    if (at + count * ENTRY_BYTES > plain.length) throw damaged(where, 'its table ends early');
    yield { packId, sizeBytes, frames: readFrames(plain, at, count) };
    at += count * ENTRY_BYTES;
  }
}

function writeFrames(bytes: Buffer, start: number, frames: readonly FrameEntry[]): number {
  let at = start;
  for (const frame of frames) {
    bytes.set(frame.id, at);
    at = bytes.writeUInt32BE(frame.offset, at + SEGMENT_ID_BYTES);
    at = bytes.writeUInt32BE(frame.length, at);
    at = bytes.writeUInt32BE(frame.plainLength, at);
  }
  return at;
}

function readFrames(bytes: Buffer, start: number, count: number): FrameEntry[] {
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * ENTRY_BYTES;
    return {
      id: bytes.subarray(at, at + SEGMENT_ID_BYTES),
      offset: bytes.readUInt32BE(at + SEGMENT_ID_BYTES),
      length: bytes.readUInt32BE(at + SEGMENT_ID_BYTES + 4),
      plainLength: bytes.readUInt32BE(at + SEGMENT_ID_BYTES + 8),
    };
  });
}
