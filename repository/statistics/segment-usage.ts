import type { StoredPacks } from '../check/stored-packs.ts';

/** Owner of a segment or pack that several backups need. */
const SHARED = 0xffffffff;

/** The segments of one catalogue, as numbers. */
export interface CompactPart {
  /** Entry of each segment among the stored ones. */
  readonly entries: Uint32Array;
  /** The number of the namespace of each. */
  readonly namespaces: Uint32Array;
}

/** What one backup takes of a location, in bytes. */
export interface Usage {
  /** Frames that no earlier backup of those there now needs. */
  added: number;
  /** Frames that no other backup needs. */
  unique: number;
  /** Packs of which nothing is needed by another backup: what garbage collection frees once it is deleted. */
  freed: number;
}

/** Which backup needs which segment: flat arrays, about 20 bytes a segment. */
export class SegmentUsage {
  readonly #stored: StoredPacks;
  readonly #owner: Uint32Array;
  readonly #frameBytes: Uint32Array;
  readonly #pack: Uint32Array;
  readonly #usages: Usage[] = [];
  readonly #ofNamespace = new Map<number, number>();
  /** Bytes of the segments that any backup needs: as JSON, and as frames. */
  plainBytes = 0;
  liveBytes = 0;

  constructor(stored: StoredPacks) {
    this.#stored = stored;
    this.#owner = new Uint32Array(stored.segments);
    this.#frameBytes = new Uint32Array(stored.segments);
    this.#pack = new Uint32Array(stored.segments);
  }

  /** The segments of a catalogue as numbers; those that no index knows are left out. */
  compact(segments: readonly { readonly id: string; readonly namespace: number }[]): CompactPart {
    const known = segments.flatMap(({ id, namespace }) => {
      const bytes = Buffer.from(id, 'hex');
      const entry = this.#stored.entryOf(bytes);
      const [place] = this.#stored.need(bytes);
      if (!place) return [];
      if (this.#frameBytes[entry] === 0) {
        this.#frameBytes[entry] = place.length;
        this.#pack[entry] = place.pack;
        this.plainBytes += place.plainLength;
        this.liveBytes += place.length;
      }
      return [{ entry, namespace }];
    });
    return {
      entries: Uint32Array.from(known, ({ entry }) => entry),
      namespaces: Uint32Array.from(known, ({ namespace }) => namespace),
    };
  }

  /** The next backup, in the order of the chain. */
  addBackup(parts: Iterable<CompactPart>): void {
    const usage: Usage = { added: 0, unique: 0, freed: 0 };
    const own = this.#usages.push(usage);
    for (const { entries, namespaces } of parts) {
      for (const [index, entry] of entries.entries()) {
        const owner = this.#owner[entry] ?? 0;
        if (owner === 0) {
          this.#owner[entry] = own;
          const bytes = this.#frameBytes[entry] ?? 0;
          const namespace = namespaces[index] ?? 0;
          usage.added += bytes;
          this.#ofNamespace.set(namespace, (this.#ofNamespace.get(namespace) ?? 0) + bytes);
        } else if (owner !== own) {
          this.#owner[entry] = SHARED;
        }
      }
    }
  }

  /** Bytes of frames by the number of their namespace: that in which a backup needed them first. */
  get byNamespace(): ReadonlyMap<number, number> {
    return this.#ofNamespace;
  }

  /** By backup, once all were added. */
  finish(): readonly Usage[] {
    const packOwner = new Uint32Array(this.#stored.all.length);
    for (const [entry, owner] of this.#owner.entries()) {
      if (owner === 0) continue;
      if (owner !== SHARED) this.#of(owner).unique += this.#frameBytes[entry] ?? 0;
      const pack = this.#pack[entry] ?? 0;
      packOwner[pack] = packOwner[pack] === 0 || packOwner[pack] === owner ? owner : SHARED;
    }
    for (const [pack, owner] of packOwner.entries()) {
      if (owner !== 0 && owner !== SHARED) this.#of(owner).freed += this.#stored.pack(pack).storedBytes ?? 0;
    }
    return this.#usages;
  }

  #of(owner: number): Usage {
    const usage = this.#usages[owner - 1];
    if (!usage) throw new RangeError(`no backup ${owner}`);
    return usage;
  }
}
