import { HoldfastError } from '../contracts/failures.ts';
import { damaged } from './failures.ts';
import type { KeyMaterial } from './key-material.ts';
import { BoxSealer } from './sealed-box.ts';

const MAX_SEGMENT_BYTES = 64 * 1024 ** 2;
const LENGTH_BYTES = 4;
export const SEGMENT_ID_BYTES = 32;

/** Records to segments and segments to frames, and back. */
export class SegmentCodec {
  readonly #keys: KeyMaterial;
  readonly #sealer: BoxSealer;

  /** `compressionLevel`: zstd's, 1 to 19, of what is stored from now on. */
  constructor(keys: KeyMaterial, compressionLevel?: number) {
    this.#keys = keys;
    this.#sealer = new BoxSealer(keys, compressionLevel);
  }

  /** The segment's id, 32 bytes: a keyed hash of its plain bytes. */
  idOf(plain: Uint8Array): Buffer {
    return this.#keys.mac('segment/id', plain);
  }

  /** The bytes that go into a pack. */
  frame(id: Buffer, plain: Uint8Array): Buffer {
    return this.#sealer.seal({ kind: 'segment', name: id.toString('hex') }, plain);
  }

  /** The same bytes, for large segments: the most of the work is done in another thread. `plain` must stay as it is until they are there. */
  frameAside(id: Buffer, plain: Uint8Array): Promise<Buffer> {
    return this.#sealer.sealAside({ kind: 'segment', name: id.toString('hex') }, plain);
  }

  /** Plain bytes of a frame, proven to be those that the id names; else `Damaged`. */
  open(id: Buffer, frame: Buffer, where: string): Buffer {
    const plain = this.#sealer.open({ kind: 'segment', name: id.toString('hex') }, frame, where);
    if (!this.idOf(plain).equals(id)) throw damaged(where, 'its content is not what its id names');
    return plain;
  }
}

/** Joins records into the plain bytes of a segment. More than 64 MiB is `BadInput`. */
export function joinRecords(records: readonly Uint8Array[]): Buffer {
  const total = records.reduce((sum, record) => sum + LENGTH_BYTES + record.byteLength, 0);
  if (total > MAX_SEGMENT_BYTES) {
    throw new HoldfastError('BadInput', `a segment of ${total} bytes is too large`, { advice: 'put fewer objects into it (limit 64 MiB)' });
  }
  const plain = Buffer.allocUnsafe(total);
  let at = 0;
  for (const record of records) {
    at = plain.writeUInt32BE(record.byteLength, at);
    plain.set(record, at);
    at += record.byteLength;
  }
  return plain;
}

/** The records of a segment, as views of its bytes. */
export function splitRecords(plain: Buffer, where: string): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < plain.length;) {
    const start = at + LENGTH_BYTES;
    const end = start <= plain.length ? start + plain.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (end > plain.length) throw damaged(where, 'its records do not add up');
    records.push(plain.subarray(start, end));
    at = end;
  }
  return records;
}
