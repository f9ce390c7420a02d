import pLimit from 'p-limit';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';

const PARALLEL = 8;

interface Swept {
  readonly freedBytes: number;
  readonly freedObjects: number;
  /** Files of which a lock of the store has kept earlier versions. */
  readonly locked: number;
}

/**
 * Lets somebody else delete files below a prefix, and frees the space of what is gone afterwards: in a bucket that keeps earlier versions a deletion by restic
 * only hides a file. Costs two listings, and one call for each file that is gone where the store may keep versions.
 */
export async function sweepHiddenVersions(
  { store, prefix }: { readonly store: ObjectStore; readonly prefix: string },
  options: CallOptions,
  change: () => Promise<void>,
): Promise<Swept> {
  const before = await sizesBelow(store, prefix, options);
  await change();
  const after = await sizesBelow(store, prefix, options);
  const gone = [...before].filter(([key]) => !after.has(key));
  const keepsVersions = (await store.facts(options)).versioning !== false && store.place.scheme !== 'file';
  const limit = pLimit(PARALLEL);
  let locked = 0;
  let kept = 0;
  const sweep = async ([key, size]: readonly [string, number]): Promise<void> => {
    try {
      await store.delete(key, options);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.type !== FailureType.Locked) throw error;
      locked += 1;
      kept += size;
    }
  };
  if (keepsVersions) await Promise.all(gone.map((file) => limit(() => sweep(file))));
  // Movers that have gone to work meanwhile add to what is there.
  const freedBytes = Math.max(0, sum(before.values()) - sum(after.values()) - kept);
  return { freedBytes, freedObjects: gone.length - locked, locked };
}

async function sizesBelow(store: ObjectStore, prefix: string, options: CallOptions): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, sizeBytes } of store.list(prefix, options)) sizes.set(key, sizeBytes);
  return sizes;
}

function sum(sizes: Iterable<number>): number {
  let total = 0;
  for (const size of sizes) total += size;
  return total;
}
