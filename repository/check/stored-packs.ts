import type { StoredObject } from '../../storage/object-store.ts';
import { packKey } from '../layout.ts';
import type { PackTable } from '../pack-table.ts';
import { SegmentTable, type SegmentPlace } from '../segment-table.ts';

/** What is known of one pack that an index names. */
export interface StoredPack {
  readonly packId: string;
  /** As the index has it. */
  readonly sizeBytes: number;
  readonly frames: number;
  /** Key of an index that names it. */
  readonly index: string;
  /** Bytes that are stored under its name; undefined when there is nothing. */
  storedBytes: number | undefined;
  /** A backup needs something in it. */
  needed: boolean;
  /** A backup needs something in it that can be read nowhere. */
  blamed: boolean;
  /** What is wrong with it, '' as long as nothing is known to be. */
  damage: string;
  /** Offsets of the frames that cannot be read, when that is known frame by frame. */
  badFrames: ReadonlySet<number> | undefined;
}

/** All packs that indexes name, and which segments are in them. About 60 bytes a segment. */
export class StoredPacks {
  readonly #present: ReadonlyMap<string, StoredObject>;
  readonly #table = new SegmentTable();
  readonly #packs: StoredPack[] = [];
  readonly #numbers = new Map<string, number>();

  /** `present`: the packs that are there, by id. */
  constructor(present: ReadonlyMap<string, StoredObject>) {
    this.#present = present;
  }

  get all(): readonly StoredPack[] {
    return this.#packs;
  }

  get segments(): number {
    return this.#table.size;
  }

  has(packId: string): boolean {
    return this.#numbers.has(packId);
  }

  enter(table: PackTable, index: string): void {
    if (this.has(table.packId)) return;
    const storedBytes = this.#present.get(table.packId)?.sizeBytes;
    const number = this.#packs.push({
      packId: table.packId,
      sizeBytes: table.sizeBytes,
      frames: table.frames.length,
      index,
      storedBytes,
      needed: false,
      blamed: false,
      damage: storedBytes === undefined ? 'is gone' : '',
      badFrames: undefined,
    });
    this.#numbers.set(table.packId, number - 1);
    for (const { id, offset, length, plainLength } of table.frames) {
      this.#table.add(id, { pack: number - 1, offset, length, plainLength });
    }
  }

  /** Where a segment lies, readable or not; each pack that has it is marked as needed. */
  need(id: Buffer): SegmentPlace[] {
    const places = this.#table.find(id);
    for (const { pack } of places) this.pack(pack).needed = true;
    return places;
  }

  /** Number of the first entry of a segment, -1 when no index knows it: for tables beside this one. */
  entryOf(id: Buffer): number {
    return this.#table.entryOf(id);
  }

  places(id: Buffer): SegmentPlace[] {
    return this.#table.find(id);
  }

  /** Places that a segment can be read from, as far as is known. */
  find(id: Buffer): SegmentPlace[] {
    return this.#table.find(id).filter((place) => !this.#isBad(place));
  }

  pack(number: number): StoredPack {
    const pack = this.#packs[number];
    if (!pack) throw new RangeError(`no pack ${number}`);
    return pack;
  }

  /** A pack that was listed is not there any more. */
  markMissing(number: number): void {
    const pack = this.pack(number);
    pack.storedBytes = undefined;
    pack.damage = 'is gone';
  }

  /** Why a segment cannot be read, with the object that it is about; '' when it can, as far as is known. */
  reasonFor(id: Buffer): string {
    const places = this.#table.find(id);
    const [first] = places;
    if (!first) return 'no index names a pack that has it';
    if (places.some((place) => !this.#isBad(place))) return '';
    const { packId, damage } = this.pack(first.pack);
    return `${packKey(packId)} ${damage}`;
  }

  /** Says of the packs of a segment that can be read nowhere that a backup is the worse for it. */
  blame(id: Buffer): void {
    for (const { pack } of this.#table.find(id)) this.pack(pack).blamed = true;
  }

  #isBad(place: SegmentPlace): boolean {
    const { storedBytes, badFrames } = this.pack(place.pack);
    return storedBytes === undefined || badFrames?.has(place.offset) === true;
  }
}
