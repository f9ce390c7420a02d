import { SEGMENT_ID_BYTES } from './segment-codec.ts';

/** Numbers kept for each segment: pack, offset, length, plain length. */
const FIELDS = 4;
const INITIAL_CAPACITY = 1024;

/** Where a segment can be read; `pack` is a number that the index knows. */
export interface SegmentPlace {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly plainLength: number;
}

/**
 * From segment ids to their places, in about 60 bytes a segment: an open-addressing table over flat arrays, since a Map of a million
 * objects would take several times as much. Ids are keyed hashes, so their first bytes are as good as any hash. An id may have several places.
 */
export class SegmentTable {
  #count = 0;
  #ids = Buffer.alloc(INITIAL_CAPACITY * SEGMENT_ID_BYTES);
  #fields = new Uint32Array(INITIAL_CAPACITY * FIELDS);
  /** Entry number + 1 by slot, 0 where free; twice as many slots as entries. */
  #slots = new Uint32Array(INITIAL_CAPACITY * 2);

  get size(): number {
    return this.#count;
  }

  add(id: Buffer, place: SegmentPlace): void {
    if (this.#count * FIELDS === this.#fields.length) this.#grow();
    const entry = this.#count++;
    this.#ids.set(id, entry * SEGMENT_ID_BYTES);
    this.#fields.set([place.pack, place.offset, place.length, place.plainLength], entry * FIELDS);
    this.#enter(entry);
  }

  /** All places of a segment, oldest first. */
  find(id: Buffer): SegmentPlace[] {
    const places: SegmentPlace[] = [];
    const mask = this.#slots.length - 1;
    for (let slot = id.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return places;
      const at = entry * SEGMENT_ID_BYTES;
      if (id.compare(this.#ids, at, at + SEGMENT_ID_BYTES) === 0) places.push(this.#place(entry));
    }
  }

  /** Number of the oldest entry of a segment, from 0 in the order of adding; -1 when there is none. */
  entryOf(id: Buffer): number {
    const mask = this.#slots.length - 1;
    for (let slot = id.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      const at = entry * SEGMENT_ID_BYTES;
      if (entry < 0 || id.compare(this.#ids, at, at + SEGMENT_ID_BYTES) === 0) return Math.max(-1, entry);
    }
  }

  #place(entry: number): SegmentPlace {
    const [pack = 0, offset = 0, length = 0, plainLength = 0] = this.#fields.subarray(entry * FIELDS, (entry + 1) * FIELDS);
    return { pack, offset, length, plainLength };
  }

  #enter(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#ids.readUInt32LE(entry * SEGMENT_ID_BYTES) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #grow(): void {
    const ids = Buffer.alloc(this.#ids.length * 2);
    ids.set(this.#ids);
    this.#ids = ids;
    const fields = new Uint32Array(this.#fields.length * 2);
    fields.set(this.#fields);
    this.#fields = fields;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.#count; entry++) this.#enter(entry);
  }
}
