import { HoldfastError } from '../../contracts/failures.ts';
import { announcedSnapshots, neededSnapshots, type ChainEntry } from '../chain-entries.ts';
import type { RepositoryParts } from '../repository.ts';
import type { GcOptions } from './report.ts';

/**
 * Announces in the chain that snapshots of a cluster's volumes are forgotten, and answers with those that may be: an entry and a commit are in one order, so a backup that
 * comes before the entry is seen here and keeps its snapshots, and one that comes after it sees the entry and fails. Where nobody writes, no entry is made.
 */
export async function announceSnapshots(
  parts: RepositoryParts,
  { cluster, snapshots, at }: { readonly cluster: string; readonly snapshots: readonly string[]; readonly at: string },
  options: GcOptions,
): Promise<readonly string[]> {
  if (snapshots.length === 0) return [];
  if (options.nobodyWrites) return unneeded(snapshots, (await parts.chain.read(options)).entries);
  let going: readonly string[] = [];
  await parts.chain.append(options, (entries) => {
    going = unneeded(snapshots, entries);
    const announced = announcedSnapshots(entries);
    const news = going.filter((snapshot) => !announced.has(snapshot));
    if (news.length === 0) return { done: { sequence: 0, hash: '' } };
    return { append: { formatVersion: 1, type: 'volume-collection', at, cluster, snapshots: news } };
  });
  return going;
}

function unneeded(snapshots: readonly string[], entries: readonly ChainEntry[]): readonly string[] {
  const damage = entries.find(({ content }) => 'damage' in content);
  if (damage) {
    throw new HoldfastError('Damaged', `entry ${damage.sequence} of the chain cannot be read any more; no snapshot was forgotten`, {
      advice: 'see "holdfast repository check"',
    });
  }
  const needed = neededSnapshots(entries);
  return snapshots.filter((snapshot) => !needed.has(snapshot));
}
