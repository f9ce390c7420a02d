import pLimit from 'p-limit';
import type { Issue } from '../contracts/outcome.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { uploadOrAdopt } from './adopting-upload.ts';
import { NOTHING_CONDEMNED, readNewestList, type CondemnedList } from './condemned-lists.ts';
import { checkedTwice, damaged, isFailure, sha256 } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import { CONDEMNED, hexNameOf, indexKey, INDEXES } from './layout.ts';
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

/** What garbage collection means to do with a pack; the lower, the better to have a segment in. */
const Standing = { Good: 0, Sparse: 1, Condemned: 2, Doomed: 3, Retired: 4 } as const;
type Standing = (typeof Standing)[keyof typeof Standing];

/** Which segments the repository has, and where: all its indexes, in memory. */
export class SegmentIndex {
  readonly #store: ObjectStore;
  readonly #sealer: BoxSealer;
  readonly #table = new SegmentTable();
  readonly #packs: IndexedPack[] = [];
  readonly #packNumbers = new Map<string, number>();
  readonly #missingPacks = new Set<number>();
  /** Packs that no index names any more: garbage collection has removed them. */
  readonly #retiredPacks = new Set<number>();
  /** The indexes that have been read, with the numbers of the packs that each names. */
  readonly #indexes = new Map<string, readonly number[]>();
  readonly #problems = new Map<string, Issue>();
  /** One at a time: what an older listing says must not be taken for news. */
  readonly #refreshing = pLimit(1);
  #condemned: CondemnedList = NOTHING_CONDEMNED;

  constructor(store: ObjectStore, sealer: BoxSealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /**
   * Reads what garbage collection has condemned, then the indexes that were written since, and forgets what vanished ones alone named. In that order:
   * a collection replaces indexes before it withdraws its list. A damaged index becomes a problem; its segments count as unknown.
   */
  refresh(options: CallOptions = {}): Promise<void> {
    return this.#refreshing(async () => {
      await this.#readCondemned(options);
      const before = [...this.#indexes.keys(), ...this.#problems.keys()];
      const limit = pLimit(PARALLEL_READS);
      const keys = await listKeys(this.#store, INDEXES, options);
      const unread = keys.filter((key) => hexNameOf(key) !== undefined && !this.#indexes.has(key));
      await Promise.all(unread.map((key) => limit(() => this.#loadOne(key, options))));
      this.#forget(before, new Set(keys));
    });
  }

  /** Places to read a segment from, the most promising first: packs that were found missing are left out. */
  find(id: Buffer): SegmentPlace[] {
    const places = this.#table.find(id).filter(({ pack }) => !this.#missingPacks.has(pack));
    return places.length < 2 ? places : places.sort((a, b) => this.#standing(a.pack) - this.#standing(b.pack));
  }

  has(id: Buffer): boolean {
    return this.find(id).length > 0;
  }

  /** Whether a new backup may use what is stored of a segment; if not, its writer stores it afresh. */
  isReusable(id: Buffer): boolean {
    return this.#isIn(id, Standing.Good);
  }

  /** Whether a segment is in a pack that garbage collection has not begun to delete, as of the last `refresh`. */
  isSafe(id: Buffer): boolean {
    return this.#isIn(id, Standing.Condemned);
  }

  /** Whether a pack that is there already may serve a writer who made the same one. */
  isAdoptable(packId: string): boolean {
    const { condemned, doomed, left } = this.#condemned;
    return !condemned.has(packId) && !doomed.has(packId) && !left.has(packId);
  }

  /** Whether there has been a garbage collection, as of the last `refresh`. */
  get hasCondemnedList(): boolean {
    return this.#condemned.number > 0 || this.#problems.has(CONDEMNED);
  }

  pack(number: number): IndexedPack {
    const pack = this.#packs[number];
    if (!pack) throw new RangeError(`no pack ${number}`);
    return pack;
  }

  /** Keys of the indexes that name any of these packs. */
  indexesOf(packIds: ReadonlySet<string>): string[] {
    const names = (number: number): boolean => packIds.has(this.pack(number).packId);
    return [...this.#indexes].filter(([, packs]) => packs.some(names)).map(([key]) => key);
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
    this.#enterAll(key, packs);
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

  #isIn(id: Buffer, worst: Standing): boolean {
    return this.#table.find(id).some(({ pack }) => !this.#missingPacks.has(pack) && this.#standing(pack) <= worst);
  }

  #standing(number: number): Standing {
    if (this.#retiredPacks.has(number)) return Standing.Retired;
    if (this.#condemned.number === 0) return Standing.Good;
    const { packId } = this.pack(number);
    if (this.#condemned.doomed.has(packId) || this.#condemned.left.has(packId)) return Standing.Doomed;
    if (this.#condemned.condemned.has(packId)) return Standing.Condemned;
    return this.#condemned.sparse.has(packId) ? Standing.Sparse : Standing.Good;
  }

  /** Nothing can be read from a list that is damaged, but nothing needs it for reading: only commits wait until there is another. */
  async #readCondemned(options: CallOptions): Promise<void> {
    try {
      this.#condemned = await readNewestList({ store: this.#store, sealer: this.#sealer }, this.#condemned, options);
      this.#problems.delete(CONDEMNED);
    } catch (error) {
      if (!isFailure(error, 'Damaged')) throw error;
      this.#problems.set(CONDEMNED, {
        code: 'CondemnedListDamaged',
        message: error.message,
        advice: 'run "holdfast repository gc": it writes another',
      });
    }
  }

  /** `before`: what was known before the listing of `present` began. */
  #forget(before: readonly string[], present: ReadonlySet<string>): void {
    const vanished = before.filter((key) => key !== CONDEMNED && !present.has(key));
    if (vanished.length === 0) return;
    for (const key of vanished) {
      this.#indexes.delete(key);
      this.#problems.delete(key);
    }
    const named = new Set([...this.#indexes.values()].flat());
    for (const number of this.#packs.keys()) if (!named.has(number)) this.#retiredPacks.add(number);
  }

  async #loadOne(key: string, options: CallOptions): Promise<void> {
    try {
      const packs = await checkedTwice(() => this.#read(key, options));
      this.#problems.delete(key);
      this.#enterAll(key, packs);
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

  #enterAll(key: string, packs: readonly PackTable[]): void {
    this.#indexes.set(
      key,
      packs.map((pack) => this.#enter(pack)),
    );
  }

  /** The pack's number. Two indexes may name one pack: an attempt that was repeated, a repair, a garbage collection. */
  #enter(pack: PackTable): number {
    const known = this.#packNumbers.get(pack.packId);
    if (known !== undefined) {
      // Whoever writes an index has seen its packs.
      this.#missingPacks.delete(known);
      this.#retiredPacks.delete(known);
      return known;
    }
    const number = this.#packs.push({ packId: pack.packId, sizeBytes: pack.sizeBytes }) - 1;
    this.#packNumbers.set(pack.packId, number);
    for (const { id, offset, length, plainLength } of pack.frames) this.#table.add(id, { pack: number, offset, length, plainLength });
    return number;
  }
}
