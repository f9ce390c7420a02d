import { HoldfastError } from '../contracts/failures.ts';
import { LAST_DATA_KEY, type DataKey } from './key-material.ts';

/**
 * What the key files of a repository say together. An age file proves nothing about who wrote it, so a former holder, who knows the master
 * key and older data keys, may plant one that lists a data key of his own. He cannot list the true keys that came after his time: a list
 * with a gap, or with one key that lost against the others', is left out as a whole. Where files contradict each other, the data key is
 * right that opens the manifest which it says it came into use with (`opensItsManifest`): sequences are given away once.
 */
export async function agreeOnDataKeys(
  lists: readonly (readonly DataKey[])[],
  opensItsManifest: (key: DataKey) => Promise<boolean>,
): Promise<DataKey[]> {
  let trusted = lists.filter((list) => list.every(({ number }, index) => number === index + 1 && number <= LAST_DATA_KEY));
  const agreed: DataKey[] = [];
  for (let number = 1; ; number++) {
    const candidates = distinct(trusted.flatMap((list) => list[number - 1] ?? []));
    const chosen = await choose(candidates, opensItsManifest);
    agreed.push(...chosen);
    // Nothing is built upon a key that is not in use yet.
    if (chosen.some(({ sinceSequence }) => sinceSequence === 0) || chosen.length === 0) return agreed;
    trusted = trusted.filter((list) => chosen.some((key) => list[number - 1]?.secret.equals(key.secret) ?? true));
  }
}

async function choose(candidates: readonly DataKey[], opensItsManifest: (key: DataKey) => Promise<boolean>): Promise<readonly DataKey[]> {
  if (candidates.length < 2) return candidates;
  const inUse = candidates.filter(({ sinceSequence }) => sinceSequence > 0);
  for (const key of inUse) if (await opensItsManifest(key)) return [key];
  if (inUse.length === 0) return candidates;
  if (inUse.length < candidates.length) return candidates.filter(({ sinceSequence }) => sinceSequence === 0);
  throw new HoldfastError('Damaged', 'the key files contradict one another: somebody who held a key planted one', {
    advice: 'bring keys/ and manifests/ back from a copy of the location, and see who can write to it',
  });
}

/** One entry for each secret; what says since when it counts is preferred to what only announces it. */
function distinct(keys: readonly DataKey[]): DataKey[] {
  const found: DataKey[] = [];
  for (const key of keys.toSorted((a, b) => b.sinceSequence - a.sinceSequence)) {
    if (!found.some(({ secret }) => secret.equals(key.secret))) found.push(key);
  }
  return found;
}
