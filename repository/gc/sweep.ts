import pLimit from 'p-limit';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import { condemnedKey, manifestKey, packKey } from '../layout.ts';
import { sameVerdicts, writeList, type CondemnedList } from '../condemned-lists.ts';
import { countCollected } from '../commit-guard.ts';
import { isFailure } from '../failures.ts';
import type { RepositoryParts } from '../repository.ts';
import { Changed } from './changed.ts';
import type { Decisions } from './decisions.ts';
import { lockOf, packsToRemove, remove, type Removals } from './removals.ts';
import { mergeIndexes } from './replace-indexes.ts';
import type { GcOptions } from './report.ts';
import type { Survey } from './survey.ts';

const PARALLEL_STATS = 8;

interface SweepWork {
  readonly parts: RepositoryParts;
  readonly survey: Survey;
  readonly decisions: Decisions;
}

export interface SweepResult {
  readonly removals: Removals;
  readonly written: { readonly objects: number; readonly bytes: number };
}

/**
 * Does what was decided, in the order that docs/repository-format.md gives ("Garbage collection"): interrupted anywhere, the next collection
 * goes on. `Changed` when somebody else was faster; nothing that is needed has been touched then.
 */
export async function sweep(work: SweepWork, options: GcOptions): Promise<SweepResult> {
  const { parts, survey, decisions } = work;
  const written = { objects: 0, bytes: 0 };
  const count = (...sizes: readonly number[]): void => {
    written.objects += sizes.length;
    for (const size of sizes) written.bytes += size;
  };
  const marked = await publish(work, { current: survey.list, next: decisions.next }, { ...options, count });
  if (marked.doomed.size > 0 && !options.nobodyWrites) count(await enter(work, marked, options));

  const removals: Removals = new Map();
  const take = (more: Removals): void => {
    for (const [key, outcome] of more) removals.set(key, outcome);
  };
  const { free, locked } = await splitByLock(work, options);
  take(locked);
  const merged = await mergeIndexes(parts, { keys: free, dropped: decisions.dropped }, options);
  count(...merged.map(({ sizeBytes }) => sizeBytes));
  const fresh = new Set(merged.map(({ key }) => key));
  const old = [...free.filter((key) => !fresh.has(key)), ...decisions.brokenIndexes];
  take(await remove(parts.store, old, { ...options, step: 'deleting indexes' }));
  take(await remove(parts.store, packsToRemove(decisions, survey), { ...options, step: 'deleting packs' }));
  const manifests = survey.deletedManifests.map(({ key }) => key);
  take(await remove(parts.store, manifests, { ...options, step: 'deleting manifests' }));
  const closed = await publish(work, { current: marked, next: closing(work, marked, removals) }, { ...options, count });
  const stale = survey.lists.map(({ key }) => key).filter((key) => key !== condemnedKey(closed.number));
  const superseded = marked.number === closed.number || marked.number === survey.list.number ? [] : [condemnedKey(marked.number)];
  take(
    await remove(parts.store, closed.number === 0 ? [] : [...new Set([...stale, ...superseded])], { ...options, step: 'deleting lists' }),
  );
  return { removals, written };
}

/** Writes the next list when it says anything new; answers with the one that counts. */
async function publish(
  { parts, survey }: SweepWork,
  { current, next }: { readonly current: CondemnedList; readonly next: CondemnedList },
  options: GcOptions & { readonly count: (bytes: number) => void },
): Promise<CondemnedList> {
  const isUnreadable = current.number === survey.list.number && survey.isListDamaged;
  if (sameVerdicts(current, next) && !isUnreadable) return current;
  try {
    options.count(await writeList(parts, next, { ...options, at: survey.now }));
    return next;
  } catch (error) {
    if (isFailure(error, 'AlreadyExists')) throw new Changed('another garbage collection runs at the same time');
    throw error;
  }
}

/** Announces in the chain that the doomed packs go. Returns the bytes of the entry. */
async function enter({ parts, survey }: SweepWork, list: CondemnedList, options: GcOptions): Promise<number> {
  const last = survey.entries.at(-1)?.sequence ?? 0;
  const packs = [...list.doomed].map((packId) => survey.inventory.packs.get(packId)?.sizeBytes ?? 0);
  const bytes = packs.reduce((sum, size) => sum + size, 0);
  const { sequence } = await parts.chain.append(options, async (entries) => {
    for (const { sequence, hash, content } of entries) {
      if (sequence <= last) continue;
      if (!('manifest' in content)) throw new Changed('the chain has grown by something damaged');
      if (content.manifest.type === 'collection' && content.manifest.list === list.number) return { done: { sequence, hash } };
      if (content.manifest.type === 'collection') throw new Changed('another garbage collection runs at the same time');
      if (content.manifest.type === 'backup') await assertSpared(parts, content.manifest, options);
    }
    return { append: { formatVersion: 1, type: 'collection', at: survey.now, list: list.number, packs: packs.length, bytes } };
  });
  return (await parts.store.stat(manifestKey(sequence), options))?.sizeBytes ?? 0;
}

/**
 * A backup that was committed after the survey may rely on a pack that was condemned then and is doomed now. Looked at one by one, backups that are
 * committed all the time do not keep a long collection from ever coming to its end.
 */
async function assertSpared({ index, reader }: RepositoryParts, manifest: BackupManifest, options: CallOptions): Promise<void> {
  const refresh = (): Promise<void> => index.refresh(options);
  await refresh();
  if ((await countCollected({ index, reader, refresh }, manifest, options)) === 0) return;
  throw new Changed(`backup ${manifest.name} was committed meanwhile and needs what was to go`);
}

/** An index that is locked cannot give way: a new one beside it would only add to it. */
async function splitByLock(
  { parts, decisions }: SweepWork,
  options: GcOptions,
): Promise<{ readonly free: string[]; readonly locked: Removals }> {
  const limit = pLimit(PARALLEL_STATS);
  const locked: Removals = new Map();
  await Promise.all(
    decisions.replaced.map(({ key }) =>
      limit(async () => {
        const outcome = await lockOf(parts.store, key, options);
        if (outcome !== 'deleted') locked.set(key, outcome);
      }),
    ),
  );
  return { free: decisions.replaced.map(({ key }) => key).filter((key) => !locked.has(key)), locked };
}

/** The list at the end: nothing is doomed any more, and left is what a lock has kept, or what an index names that one has kept. */
function closing({ survey, decisions }: SweepWork, marked: CondemnedList, removals: Removals): CondemnedList {
  const kept = (key: string): boolean => removals.get(key) !== 'deleted';
  const named = new Set([...survey.indexes.packsOf].flatMap(([key, packs]) => (kept(key) ? packs : [])));
  const left = [...decisions.dropped].filter((packId) => {
    const isThere = survey.inventory.packs.has(packId) && kept(packKey(packId));
    return isThere || named.has(packId);
  });
  return { ...marked, number: marked.number + 1, doomed: new Set(), left: new Set(left) };
}
