import pLimit from 'p-limit';
import type { Issue } from '../contracts/outcome.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { uploadOrAdopt } from './adopting-upload.ts';
import { checkedTwice, damaged, isFailure, sha256 } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import { hexNameOf, indexKey, INDEXES } from './layout.ts';
import { listKeys } from './list-keys.ts';
import { decodeIndex, encodeIndex, type PackTable } from './pack-table.ts';
import type { BoxSealer } from './sealed-box.ts';
import { SegmentTable, type SegmentPlace } from './segment-table.ts';

const PARALLEL_READS = 16;
const LABEL = { kind: 'index', name: '' } as const;

export interface IndexedPack {
  readonly packId: string;
  readonly sizeBytes: number;
}

/** Which segments the repository has, and where: all its indexes, in memory. */
export class SegmentIndex {
  readonly #store: ObjectStore;
  readonly #sealer: BoxSealer;
  readonly #table = new SegmentTable();
  readonly #packs: IndexedPack[] = [];
  readonly #packNumbers = new Map<string, number>();
  readonly #missingPacks = new Set<number>();
  readonly #loaded = new Set<string>();
  readonly #problems = new Map<string, Issue>();

  constructor(store: ObjectStore, sealer: BoxSealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /** Reads the indexes that were written since. A damaged one becomes a problem; its segments count as unknown. */
  async refresh(options: CallOptions = {}): Promise<void> {
    const limit = pLimit(PARALLEL_READS);
    const keys = await listKeys(this.#store, INDEXES, options);
    const unread = keys.filter((key) => hexNameOf(key) !== undefined && !this.#loaded.has(key));
    await Promise.all(unread.map((key) => limit(() => this.#loadOne(key, options))));
  }

  /** Places to read a segment from, the most promising first: packs that were found missing are left out. */
  find(id: Buffer): SegmentPlace[] {
    return this.#table.find(id).filter(({ pack }) => !this.#missingPacks.has(pack));
  }

  has(id: Buffer): boolean {
    return this.find(id).length > 0;
  }

  pack(number: number): IndexedPack {
    const pack = this.#packs[number];
    if (!pack) throw new RangeError(`no pack ${number}`);
    return pack;
  }

  /** Remembers that a pack is not there (any more): writers store its segments afresh. */
  markMissing(number: number): void {
    this.#missingPacks.add(number);
  }

  /** Writes one index for packs that are durable already, and takes it into memory. Returns its bytes. */
  async publish(packs: readonly PackTable[], options: CallOptions): Promise<number> {
    const build = (generation: number) => {
      const bytes = Buffer.concat([fileHeader('I'), this.#sealer.seal(LABEL, encodeIndex(packs, generation))]);
      return { key: indexKey(sha256(bytes)), bytes };
    };
    const { key, bytes } = await uploadOrAdopt(this.#store, build, options);
    if (!this.#loaded.has(key)) {
      this.#loaded.add(key);
      for (const pack of packs) this.#enter(pack);
    }
    for (const { packId } of packs) this.#missingPacks.delete(this.#packNumbers.get(packId) ?? -1);
    return bytes.length;
  }

  get problems(): Issue[] {
    return [...this.#problems.values()];
  }

  get totals(): { readonly packs: number; readonly bytes: number; readonly segments: number } {
    return {
      packs: this.#packs.length,
      bytes: this.#packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      segments: this.#table.size,
    };
  }

  async #loadOne(key: string, options: CallOptions): Promise<void> {
    try {
      const packs = await checkedTwice(() => this.#read(key, options));
      if (this.#loaded.has(key)) return;
      this.#loaded.add(key);
      this.#problems.delete(key);
      for (const pack of packs) this.#enter(pack);
    } catch (error) {
      // Garbage collection may have replaced it since it was listed.
      if (isFailure(error, 'NotFound')) return;
      if (!isFailure(error, 'Damaged')) throw error;
      this.#problems.set(key, { code: 'IndexDamaged', message: error.message, advice: error.advice });
    }
  }

  async #read(key: string, options: CallOptions): Promise<PackTable[]> {
    const where = `${this.#store.url}: ${key}`;
    const file = await this.#store.read(key, undefined, options);
    if (indexKey(sha256(file)) !== key) throw damaged(where, 'its hash is not its name');
    return [...decodeIndex(this.#sealer.open(LABEL, afterHeader('I', file, where), where), where)];
  }

  #enter(pack: PackTable): void {
    // Two indexes may name one pack: an attempt that was repeated, or a repair.
    if (this.#packNumbers.has(pack.packId)) return;
    const number = this.#packs.push({ packId: pack.packId, sizeBytes: pack.sizeBytes }) - 1;
    this.#packNumbers.set(pack.packId, number);
    for (const { id, offset, length, plainLength } of pack.frames) this.#table.add(id, { pack: number, offset, length, plainLength });
  }
}
