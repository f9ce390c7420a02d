import { HoldfastError } from '../../contracts/failures.ts';
import type { CallOptions, StoredObject } from '../../storage/object-store.ts';
import { deletedSequences, lastCollectedList, liveBackups, type ChainEntry } from '../chain-entries.ts';
import { readIndexes, type IndexResult } from '../check/check-indexes.ts';
import { takeInventory, type Inventory } from '../check/inventory.ts';
import { StoredPacks } from '../check/stored-packs.ts';
import { listNumbers, NOTHING_CONDEMNED, readNewestList, type CondemnedList } from '../condemned-lists.ts';
import { isFailure } from '../failures.ts';
import { condemnedKey, manifestKey } from '../layout.ts';
import type { RepositoryParts } from '../repository.ts';
import { findUsage, type SegmentUsage } from './pack-usage.ts';
import type { GcOptions } from './report.ts';

/** There were never so many collections: a file with a higher number is rubbish, put there to leave no numbers for lists. It goes with the other old ones. */
const LAST_CREDIBLE_LIST = 90_000_000;

/** Everything that a collection decides by. */
export interface Survey {
  /** ISO-8601, by the store's clock, before anything else was read. */
  readonly now: string;
  readonly entries: readonly ChainEntry[];
  readonly enteredList: number;
  readonly list: CondemnedList;
  /** The newest list cannot be read: nothing is taken from it, and another is to take its place. */
  readonly isListDamaged: boolean;
  /** All lists that are there, the newest included. */
  readonly lists: readonly StoredObject[];
  /** Manifest files of deleted backups that are still there. */
  readonly deletedManifests: readonly StoredObject[];
  readonly inventory: Inventory;
  readonly stored: StoredPacks;
  readonly indexes: IndexResult;
  readonly usage: SegmentUsage;
}

/**
 * Reads what there is: first the chain, then the listing of everything, then the indexes, so that whatever a backup of that chain needs
 * was there before it was looked for. `Damaged` when it cannot be known what the backups need.
 */
export async function takeSurvey(parts: RepositoryParts, options: GcOptions): Promise<Survey> {
  const { store } = parts;
  const progress = (step: string, done = 0, total = 0): void => options.onProgress?.({ step, done, total });
  progress('reading manifests');
  const now = (await store.facts(options)).serverTime;
  const { entries, problems } = await parts.chain.read(options);
  const [problem] = problems;
  if (problem) {
    throw new HoldfastError('Damaged', `${problem.message}; nothing was deleted, since it is not known what is needed`, {
      advice: 'see "holdfast repository check"',
    });
  }
  const { list, isListDamaged } = await newestList(parts, options);
  progress('listing objects');
  const inventory = await takeInventory(store, options);
  const stored = new StoredPacks(inventory.packs);
  const keys = inventory.indexes.map(({ key }) => key);
  progress('reading indexes', 0, keys.length);
  const indexes = await readIndexes({ store, sealer: parts.sealer, packs: stored }, keys, options);
  const usage = await findUsage(
    parts,
    { stored, list, backups: liveBackups(entries) },
    {
      ...options,
      onCatalogue: (done, total) => {
        progress('reading catalogues', done, total);
      },
    },
  );
  const lists = await statAll(parts, (await listNumbers(store, options)).map(condemnedKey), options);
  const present = new Set(entries.map(({ sequence }) => sequence));
  const leftovers = [...deletedSequences(entries).keys()].filter((sequence) => present.has(sequence)).map(manifestKey);
  const deletedManifests = await statAll(parts, leftovers, options);
  return {
    now,
    entries,
    enteredList: lastCollectedList(entries),
    list,
    isListDamaged,
    lists,
    deletedManifests,
    inventory,
    stored,
    indexes,
    usage,
  };
}

async function newestList(
  parts: RepositoryParts,
  options: CallOptions,
): Promise<{ readonly list: CondemnedList; readonly isListDamaged: boolean }> {
  try {
    return { list: await readNewestList(parts, NOTHING_CONDEMNED, options), isListDamaged: false };
  } catch (error) {
    if (!isFailure(error, 'Damaged')) throw error;
    const number = (await listNumbers(parts.store, options)).findLast((found) => found <= LAST_CREDIBLE_LIST) ?? 0;
    return { list: { ...NOTHING_CONDEMNED, number }, isListDamaged: true };
  }
}

async function statAll({ store }: RepositoryParts, keys: readonly string[], options: CallOptions): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for (const key of keys) {
    const object = await store.stat(key, options);
    if (object) found.push(object);
  }
  return found;
}
