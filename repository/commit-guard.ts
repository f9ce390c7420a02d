import { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest } from '../contracts/manifest.ts';
import type { CallOptions } from '../storage/object-store.ts';
import { readCatalogues } from './catalogues.ts';
import { announcedSnapshots, lastCollectedList, snapshotsOf, type ChainEntry } from './chain-entries.ts';
import type { PackReader } from './pack-reader.ts';
import type { SegmentIndex } from './segment-index.ts';

interface GuardParts {
  readonly url: string;
  readonly index: SegmentIndex;
  readonly reader: PackReader;
  /** Reads lists and indexes again. */
  refresh(): Promise<void>;
}

/**
 * The proof that docs/repository-format.md asks of writers ("Garbage collection", "Writers"), to be given after `entries` have been read and
 * before the entry that follows them is created. `Conflict` when a collection has taken something that the backup relies on. Costs two
 * listings where there was never a collection, else the reading of the backup's catalogues, too.
 */
export async function assertNothingCollected(
  parts: GuardParts,
  { manifest, entries }: { readonly manifest: BackupManifest; readonly entries: readonly ChainEntry[] },
  options: CallOptions,
): Promise<void> {
  const { url, index } = parts;
  assertVolumesLeft(url, manifest, entries);
  await parts.refresh();
  if (lastCollectedList(entries) === 0 && !index.hasCondemnedList) return;
  const listDamaged = index.problems.find(({ code }) => code === 'CondemnedListDamaged');
  if (listDamaged) throw new HoldfastError('Damaged', listDamaged.message, { advice: listDamaged.advice ?? '' });

  const count = await countCollected(parts, manifest, options);
  if (count === 0) return;
  throw new HoldfastError(
    'Conflict',
    `${url}: garbage collection has taken ${count} of the segments that backup ${manifest.name} was going to share with older ones`,
    { advice: 'nothing was committed: run the backup again, and give garbage collection a longer grace than a backup takes' },
  );
}

/** How many segments of a backup are in no pack but such as a collection has taken, or has begun to take, as of the last `refresh`. */
export async function countCollected(
  parts: Omit<GuardParts, 'url'>,
  { parts: catalogues }: Pick<BackupManifest, 'parts'>,
  options: CallOptions,
): Promise<number> {
  const unsafe = (ids: Iterable<string>): number => [...ids].filter((id) => !parts.index.isSafe(Buffer.from(id, 'hex'))).length;
  const count = async (ids: ReadonlySet<string>): Promise<number> => {
    // A listing that was under way while indexes were merged may have missed both the old and the new one: once more.
    if (unsafe(ids) > 0) await parts.refresh();
    return unsafe(ids);
  };
  const needed = new Set(catalogues);
  const lost = await count(needed);
  if (lost > 0) return lost;
  for await (const { segments } of readCatalogues(parts, catalogues, options)) for (const id of segments) needed.add(id);
  return count(needed);
}

/** Of a backup that took longer than the grace, a collection may have taken the volumes that it captured first. */
function assertVolumesLeft(url: string, manifest: BackupManifest, entries: readonly ChainEntry[]): void {
  const announced = announcedSnapshots(entries);
  const gone = snapshotsOf(manifest).filter((snapshot) => announced.has(snapshot)).length;
  if (gone === 0) return;
  throw new HoldfastError('Conflict', `${url}: garbage collection has taken the data of ${gone} volumes of backup ${manifest.name}`, {
    advice: 'nothing was committed: run the backup again, and give garbage collection a longer grace than a backup takes',
  });
}
