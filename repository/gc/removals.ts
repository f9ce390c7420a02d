import pLimit from 'p-limit';
import { deleteUnlessLocked, type DeletionOutcome } from '../delete-unless-locked.ts';
import { packKey } from '../layout.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Decisions } from './decisions.ts';
import type { GcOptions } from './report.ts';
import type { Survey } from './survey.ts';

const PARALLEL = 8;

/** What has become, or with a dry run would become, of every object that was to go; by key. */
export type Removals = Map<string, DeletionOutcome>;

/** Packs that go, in the order of their names. */
export function packsToRemove({ next }: Decisions, { inventory }: Survey): string[] {
  return [...next.doomed, ...next.left]
    .filter((packId) => inventory.packs.has(packId))
    .sort()
    .map(packKey);
}

/** Deletes what no lock holds. With a dry run it only asks for the locks. */
export async function remove(
  store: ObjectStore,
  keys: readonly string[],
  options: GcOptions & { readonly step: string },
): Promise<Removals> {
  const limit = pLimit(PARALLEL);
  const removals: Removals = new Map();
  let done = 0;
  const removeOne = async (key: string): Promise<void> => {
    const outcome = options.dryRun ? await lockOf(store, key, options) : await deleteUnlessLocked(store, key, options);
    removals.set(key, outcome);
    options.onProgress?.({ step: options.step, done: ++done, total: keys.length });
  };
  await Promise.all(keys.map((key) => limit(() => removeOne(key))));
  return removals;
}

/** What is locked now, of objects that are not to be deleted before something else has been written. */
export async function lockOf(store: ObjectStore, key: string, options: GcOptions): Promise<DeletionOutcome> {
  if (!store.capabilities.objectLock) return 'deleted';
  const until = (await store.stat(key, options))?.lockedUntil;
  return until === undefined ? 'deleted' : { lockedUntil: until };
}
