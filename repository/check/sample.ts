import type { StoredPack } from './stored-packs.ts';

/** Hexadecimal digits of a seed: a position in the order of pack names. */
const SEED_DIGITS = 8;

export interface Sample {
  readonly packs: readonly StoredPack[];
  /** Where the next sample has to begin so that, one after the other, all packs are read; '' when this one has read all. */
  readonly next: string;
}

/**
 * A share of the packs, by bytes: those whose names follow the seed, round to the beginning. Names are hashes, so any stretch of them is a
 * random choice; and samples that begin where the last one ended read everything before they read anything twice.
 */
export function samplePacks(packs: readonly StoredPack[], percent: number, seed: string): Sample {
  if (percent >= 100) return { packs, next: '' };
  const sorted = packs.toSorted((a, b) => (a.packId < b.packId ? -1 : 1));
  const first = sorted.findIndex(({ packId }) => packId.slice(0, SEED_DIGITS) >= seed);
  const circle = first <= 0 ? sorted : [...sorted.slice(first), ...sorted.slice(0, first)];
  const wanted = (circle.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) * percent) / 100;
  let bytes = 0;
  let taken = 0;
  for (const { sizeBytes } of circle) {
    if (bytes >= wanted) break;
    bytes += sizeBytes;
    taken += 1;
  }
  return { packs: circle.slice(0, taken), next: circle[taken]?.packId.slice(0, SEED_DIGITS) ?? '' };
}
