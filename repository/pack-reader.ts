import pLimit from 'p-limit';
import type { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { checkedTwice, damaged, isFailure, sha256 } from './failures.ts';
import { packKey } from './layout.ts';
import { openTrailer } from './pack-trailer.ts';
import type { BoxSealer } from './sealed-box.ts';
import type { SegmentCodec } from './segment-codec.ts';
import type { IndexedPack, SegmentIndex } from './segment-index.ts';
import type { SegmentPlace } from './segment-table.ts';

/** Frames of one pack with no more than this between them are fetched by one request. */
const MAX_GAP_BYTES = 128 * 1024;
const MAX_REQUEST_BYTES = 8 * 1024 ** 2;
const PARALLEL_REQUESTS = 4;

export interface PackReaderParts {
  readonly store: ObjectStore;
  readonly codec: SegmentCodec;
  readonly sealer: BoxSealer;
  readonly index: Pick<SegmentIndex, 'find' | 'pack' | 'markMissing'>;
}

interface Wanted {
  readonly id: Buffer;
  readonly place: SegmentPlace;
}

/** Reads segments out of packs. */
export class PackReader {
  readonly #parts: PackReaderParts;

  constructor(parts: PackReaderParts) {
    this.#parts = parts;
  }

  /** Plain bytes of one segment, from whichever pack has it right. `Damaged` when none does, naming the last one tried. */
  async readSegment(id: Buffer, options: CallOptions): Promise<Buffer> {
    let failure = damaged(`${this.#parts.store.url}: segment ${id.toString('hex', 0, 8)}`, 'no pack that is there has it');
    for (const place of this.#parts.index.find(id)) {
      try {
        return await checkedTwice(() => this.#readFrame({ id, place }, options));
      } catch (error) {
        if (isFailure(error, 'NotFound')) {
          failure = damaged(this.#where(place), 'the pack is gone', error);
          this.#parts.index.markMissing(place.pack);
        } else if (isFailure(error, 'Damaged')) failure = error;
        else throw error;
      }
    }
    throw failure;
  }

  /** The same for several, by as few requests as is sensible; by id, hexadecimal. What no pack has right is answered with why. */
  async readMany(ids: readonly Buffer[], options: CallOptions): Promise<Map<string, Buffer | HoldfastError>> {
    const limit = pLimit(PARALLEL_REQUESTS);
    const found = new Map<string, Buffer | HoldfastError>();
    const runs = runsOf(this.#wanted(ids));
    await Promise.all(runs.map((run) => limit(() => this.#readRun(run, { found, options }))));
    // What a common request did not bring is read alone, with all that can be done for it, or has a reason of its own.
    for (const id of ids) {
      const name = id.toString('hex');
      if (!found.has(name)) found.set(name, await this.#readOrReason(id, options));
    }
    return found;
  }

  async #readOrReason(id: Buffer, options: CallOptions): Promise<Buffer | HoldfastError> {
    try {
      return await this.readSegment(id, options);
    } catch (error) {
      if (isFailure(error, 'Damaged')) return error;
      throw error;
    }
  }

  /** Reads a whole pack and checks everything in it: its name, its trailer, every frame. Returns the number of segments. */
  async verifyPack(pack: IndexedPack, options: CallOptions): Promise<number> {
    const key = packKey(pack.packId);
    const where = `${this.#parts.store.url}: ${key}`;
    return checkedTwice(async () => {
      const file = await this.#parts.store.read(key, undefined, options);
      if (sha256(file) !== pack.packId) throw damaged(where, 'its hash is not its name');
      const frames = openTrailer(this.#parts.sealer, file, where);
      for (const { id, offset, length } of frames) this.#parts.codec.open(id, file.subarray(offset, offset + length), where);
      return frames.length;
    });
  }

  #wanted(ids: readonly Buffer[]): Wanted[] {
    return ids.flatMap((id) => {
      const [place] = this.#parts.index.find(id);
      return place ? [{ id, place }] : [];
    });
  }

  async #readFrame({ id, place }: Wanted, options: CallOptions): Promise<Buffer> {
    const { store, codec, index } = this.#parts;
    const range = { offset: place.offset, length: place.length };
    const frame = await store.read(packKey(index.pack(place.pack).packId), range, options);
    return codec.open(id, frame, this.#where(place));
  }

  async #readRun(
    run: readonly Wanted[],
    into: { readonly found: Map<string, Buffer | HoldfastError>; readonly options: CallOptions },
  ): Promise<void> {
    const [first] = run;
    const last = run.at(-1);
    if (!first || !last) return;
    const { store, codec, index } = this.#parts;
    const offset = first.place.offset;
    try {
      const range = { offset, length: last.place.offset + last.place.length - offset };
      const bytes = await store.read(packKey(index.pack(first.place.pack).packId), range, into.options);
      for (const { id, place } of run) {
        const frame = bytes.subarray(place.offset - offset, place.offset - offset + place.length);
        into.found.set(id.toString('hex'), codec.open(id, frame, this.#where(place)));
      }
    } catch (error) {
      if (!isFailure(error, 'Damaged') && !isFailure(error, 'NotFound')) throw error;
    }
  }

  #where(place: SegmentPlace): string {
    return `${this.#parts.store.url}: ${packKey(this.#parts.index.pack(place.pack).packId)}`;
  }
}

/** Groups frames that lie near each other in one pack. */
function runsOf(wanted: readonly Wanted[]): Wanted[][] {
  const sorted = wanted.toSorted((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset);
  const runs: Wanted[][] = [];
  for (const next of sorted) {
    const run = runs.at(-1);
    const [first] = run ?? [];
    const last = run?.at(-1);
    if (run && first && last && belongs(next.place, first.place, last.place)) run.push(next);
    else runs.push([next]);
  }
  return runs;
}

function belongs(next: SegmentPlace, first: SegmentPlace, last: SegmentPlace): boolean {
  return (
    next.pack === first.pack &&
    next.offset - (last.offset + last.length) <= MAX_GAP_BYTES &&
    next.offset + next.length - first.offset <= MAX_REQUEST_BYTES
  );
}
