/** Indexes below this size are merged when there are many: each costs whoever opens the repository a request. */
const SMALL_BYTES = 256 * 1024;
const MANY = 32;

export interface IndexFacts {
  readonly key: string;
  readonly sizeBytes: number;
  /** The packs that it names. */
  readonly packs: readonly string[];
}

/** Which indexes are to be replaced by one without `dropped`: those that name a dropped pack, and small ones when there are many. */
export function indexesToReplace(indexes: readonly IndexFacts[], dropped: ReadonlySet<string>): IndexFacts[] {
  const small = indexes.filter(({ sizeBytes }) => sizeBytes < SMALL_BYTES);
  const merged = new Set(small.length > MANY ? small : []);
  return indexes.filter((index) => merged.has(index) || index.packs.length === 0 || index.packs.some((packId) => dropped.has(packId)));
}
