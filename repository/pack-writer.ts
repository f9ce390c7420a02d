import { damaged, sha256 } from './failures.ts';
import { fileHeader, HEADER_BYTES } from './file-header.ts';
import { encodeTrailer, type FrameEntry, type PackTable } from './pack-table.ts';
import type { BoxSealer } from './sealed-box.ts';
import type { SegmentCodec } from './segment-codec.ts';

const DEFAULT_MIB = 8;
/** Room for the trailer and its length. */
const TRAILER_RESERVE = 1024 ** 2;
/** One frame in so many is opened again before it is uploaded: a broken compressor or memory shows up before it counts. */
const PROOF_INTERVAL = 64;

/** Collects frames until there are enough for a pack. */
export class PackWriter {
  readonly #codec: SegmentCodec;
  readonly #fullBytes: number;
  readonly #chunks: Buffer[] = [];
  readonly #frames: FrameEntry[] = [];
  #size = HEADER_BYTES;

  /** A pack is closed when it has reached `sizeMiB`, and does not exceed twice as much unless a single frame does. */
  constructor(codec: SegmentCodec, sizeMiB = DEFAULT_MIB) {
    this.#codec = codec;
    this.#fullBytes = sizeMiB * 1024 ** 2;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  get isFull(): boolean {
    return this.#size >= this.#fullBytes;
  }

  /** Whether a frame has to go into the next pack. */
  wouldOverflow(frame: Buffer): boolean {
    return !this.isEmpty && this.#size + frame.length + TRAILER_RESERVE > 2 * this.#fullBytes;
  }

  /** Appends a frame; `number` counts the frames of a batch and decides which of them are proven. */
  add(segment: { readonly id: Buffer; readonly plain: Buffer }, frame: Buffer, number: number): void {
    if (number % PROOF_INTERVAL === 0 && !this.#codec.open(segment.id, frame, 'a frame just made').equals(segment.plain)) {
      throw damaged('a frame just made', 'it does not decode to what was put in');
    }
    this.#frames.push({ id: segment.id, offset: this.#size, length: frame.length, plainLength: segment.plain.length });
    this.#chunks.push(frame);
    this.#size += frame.length;
  }

  /** The pack's bytes and table. Another generation makes another name for the same frames. */
  close(sealer: BoxSealer, generation: number): { readonly bytes: Buffer; readonly table: PackTable } {
    const trailer = sealer.seal({ kind: 'trailer', name: '' }, encodeTrailer(this.#frames, generation));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(trailer.length);
    const bytes = Buffer.concat([fileHeader('P'), ...this.#chunks, trailer, length]);
    return { bytes, table: { packId: sha256(bytes), sizeBytes: bytes.length, frames: this.#frames } };
  }
}
