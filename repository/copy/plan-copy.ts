import { HoldfastError } from '../../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../../storage/object-store.ts';
import { isFailure } from '../failures.ts';
import { CONFIG_KEY, manifestKey, MANIFESTS, sequenceOf } from '../layout.ts';

/** The two places of a copy: the repository's own, and the one that is to become or stay its equal. */
export interface CopyPlaces {
  readonly from: ObjectStore;
  readonly to: ObjectStore;
}

/**
 * Makes sure that the second place is empty or a copy of the repository in the first, and says up to which manifest to copy. Reads a
 * handful of small objects and needs no key. `NotFound`: there is no repository to copy; `Conflict`: the second place holds something else.
 */
export async function planCopy(places: CopyPlaces, options: CallOptions = {}): Promise<{ readonly throughSequence: number }> {
  const { from, to } = places;
  if (samePlace(places)) throw new HoldfastError('BadInput', `${to.url} is the location itself`, { advice: 'name another location' });
  await to.prepare(options);
  const [original, copy] = await Promise.all([readIfThere(from, CONFIG_KEY, options), readIfThere(to, CONFIG_KEY, options)]);
  if (!original) {
    throw new HoldfastError('NotFound', `${from.url}: there is no repository`, { advice: 'make one with `holdfast repository init`' });
  }
  if (copy && !copy.equals(original)) throw conflict(to, 'another repository is there', 'copy to an empty location');

  const [there, here] = await Promise.all([sequences(to, options), sequences(from, options)]);
  const newest = here.at(-1) ?? 0;
  const foreign = there.find((sequence) => sequence > newest);
  if (foreign !== undefined) throw ownEntries(to, foreign);
  const known = new Set(here);
  const common = there.findLast((sequence) => known.has(sequence));
  if (common !== undefined) {
    const [left, right] = await Promise.all([from, to].map((store) => store.read(manifestKey(common), undefined, options)));
    if (!left || !right?.equals(left)) throw ownEntries(to, common);
  }
  return { throughSequence: newest };
}

function samePlace({ from, to }: CopyPlaces): boolean {
  const [left, right] = [from.place, to.place];
  return left.scheme === right.scheme && left.endpoint === right.endpoint && left.bucket === right.bucket && left.prefix === right.prefix;
}

/** Ascending. */
async function sequences(store: ObjectStore, options: CallOptions): Promise<number[]> {
  const found: number[] = [];
  for await (const { key } of store.list(MANIFESTS, options)) {
    const sequence = sequenceOf(key);
    if (sequence !== undefined) found.push(sequence);
  }
  return found;
}

async function readIfThere(store: ObjectStore, key: string, options: CallOptions): Promise<Buffer | undefined> {
  try {
    return await store.read(key, undefined, options);
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined;
    throw error;
  }
}

function ownEntries(store: ObjectStore, sequence: number): HoldfastError {
  return conflict(
    store,
    `${manifestKey(sequence)} is not of the repository that is to be copied`,
    'make, delete and prune backups at the original only, or copy to an empty location',
  );
}

function conflict(store: ObjectStore, what: string, advice: string): HoldfastError {
  return new HoldfastError('Conflict', `${store.url} is not a copy: ${what}`, { advice });
}
