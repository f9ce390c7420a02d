import type { CallOptions } from '../../storage/object-store.ts';
import type { CondemnedList } from '../condemned-lists.ts';
import type { RepositoryParts } from '../repository.ts';
import { findSpares } from './find-spares.ts';
import { planCollection, type Verdict } from './plan-collection.ts';
import { indexesToReplace, type IndexFacts } from './plan-indexes.ts';
import type { Survey } from './survey.ts';

/** What a collection is going to do. */
export interface Decisions {
  /** By pack id, for every pack that is there. */
  readonly verdicts: ReadonlyMap<string, Verdict | { readonly fate: 'spare' }>;
  readonly next: CondemnedList;
  /** Packs that indexes need not name any more: those that go, and those that are gone. */
  readonly dropped: ReadonlySet<string>;
  /** Indexes that give way to a new one. */
  readonly replaced: readonly IndexFacts[];
  /** Keys of indexes that cannot be read and are older than the grace. */
  readonly brokenIndexes: readonly string[];
}

/** Decides on packs and indexes; reads nothing but the segments that two packs share when one of them is to go. */
export async function decide(
  parts: RepositoryParts,
  survey: Survey,
  options: CallOptions & { readonly graceMs: number },
): Promise<Decisions> {
  const { stored, usage, inventory, indexes, list, now } = survey;
  const packs = [...inventory.packs].map(([packId, { sizeBytes, modifiedAt }]) => {
    const use = usage.byPack.get(packId);
    return { packId, sizeBytes, modifiedAt, neededBytes: use?.bytes ?? 0, isNeeded: use !== undefined };
  });
  const plan = planCollection({ now, graceMs: options.graceMs, list, enteredList: survey.enteredList, packs });
  const spares = await findSpares(parts, { survey, doomed: plan.next.doomed }, options);
  const condemned = new Map(plan.next.condemned);
  for (const packId of spares) condemned.set(packId, list.condemned.get(packId) ?? now);
  const doomed = new Set([...plan.next.doomed].filter((packId) => !spares.has(packId)));
  const next = { ...plan.next, condemned, doomed };

  const gone = stored.all.filter(({ storedBytes }) => storedBytes === undefined).map(({ packId }) => packId);
  const dropped = new Set([...doomed, ...next.left, ...gone]);
  const facts = inventory.indexes.flatMap(({ key, sizeBytes }) => {
    const named = indexes.packsOf.get(key);
    return named ? [{ key, sizeBytes, packs: named }] : [];
  });
  const youngest = new Date(Date.parse(now) - options.graceMs).toISOString();
  const brokenIndexes = inventory.indexes
    .filter(({ key, modifiedAt }) => indexes.damaged.has(key) && modifiedAt <= youngest)
    .map(({ key }) => key);
  const verdicts = new Map<string, Verdict | { readonly fate: 'spare' }>(plan.verdicts);
  for (const packId of spares) verdicts.set(packId, { fate: 'spare' });
  return { verdicts, next, dropped, replaced: indexesToReplace(facts, dropped), brokenIndexes };
}
