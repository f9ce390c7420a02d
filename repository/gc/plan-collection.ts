import { type CondemnedList } from '../condemned-lists.ts';

/** A pack of which less than this share is needed gets no new users. */
const SPARSE_SHARE = 0.25;

/** What is known of one stored pack. */
export interface PackFacts {
  readonly packId: string;
  readonly sizeBytes: number;
  /** ISO-8601, by the store's clock. */
  readonly modifiedAt: string;
  /** Bytes of the frames that live backups read from it. */
  readonly neededBytes: number;
  /** Whether it is the keeper of any segment. */
  readonly isNeeded: boolean;
}

export interface CollectionFacts {
  /** ISO-8601, by the store's clock. */
  readonly now: string;
  readonly graceMs: number;
  /** The newest list. */
  readonly list: CondemnedList;
  /** Number of the newest list that a collection entry of the chain names; 0 for none. */
  readonly enteredList: number;
  readonly packs: readonly PackFacts[];
}

/** What is to become of a pack. `until`: ISO-8601, when that can change. */
export type Verdict =
  | { readonly fate: 'needed' }
  | { readonly fate: 'young'; readonly until: string }
  | { readonly fate: 'condemned'; readonly until: string }
  | { readonly fate: 'doomed' };

export interface CollectionPlan {
  /** By pack id. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** What the next list says. */
  readonly next: CondemnedList;
}

/**
 * Decides from plain facts which packs go and which stay: docs/repository-format.md, "Garbage collection". A pack that is needed always
 * stays. Deciding again after what was decided is done changes nothing.
 */
export function planCollection(facts: CollectionFacts): CollectionPlan {
  const { list, packs } = facts;
  const isEntered = list.number > 0 && list.number <= facts.enteredList;
  /** Packs whose deletion the chain announces. */
  const entered = new Set([...list.left, ...(isEntered ? list.doomed : [])]);
  const verdicts = new Map(packs.map((pack) => [pack.packId, verdictOn(pack, facts)]));
  const withFate = (fate: Verdict['fate']): string[] => [...verdicts].flatMap(([packId, verdict]) => (verdict.fate === fate ? packId : []));
  const doomed = withFate('doomed');
  // What is gone stays on the list for as long as an index may name it: the closing of the collection knows.
  const gone = [...entered].filter((packId) => !verdicts.has(packId));
  return {
    verdicts,
    next: {
      number: Math.max(list.number, facts.enteredList) + 1,
      condemned: new Map(withFate('condemned').map((packId) => [packId, list.condemned.get(packId) ?? facts.now])),
      doomed: new Set(doomed.filter((packId) => !entered.has(packId))),
      left: new Set([...doomed.filter((packId) => entered.has(packId)), ...gone]),
      sparse: new Set(packs.filter((pack) => isSparse(pack, facts)).map(({ packId }) => packId)),
    },
  };
}

function verdictOn(pack: PackFacts, { now, graceMs, list }: CollectionFacts): Verdict {
  if (pack.isNeeded) return { fate: 'needed' };
  if (list.left.has(pack.packId) || list.doomed.has(pack.packId)) return { fate: 'doomed' };
  const since = list.condemned.get(pack.packId);
  // Stored anew under the same name it counts as young again, wherever it was listed before.
  const oldEnough = later(pack.modifiedAt, graceMs);
  if (since === undefined) {
    if (oldEnough > now) return { fate: 'young', until: oldEnough };
    return graceMs === 0 ? { fate: 'doomed' } : { fate: 'condemned', until: later(now, graceMs) };
  }
  const until = later(since > pack.modifiedAt ? since : pack.modifiedAt, graceMs);
  return until > now ? { fate: 'condemned', until } : { fate: 'doomed' };
}

function isSparse({ isNeeded, neededBytes, sizeBytes, modifiedAt }: PackFacts, { now, graceMs }: CollectionFacts): boolean {
  return isNeeded && neededBytes < sizeBytes * SPARSE_SHARE && later(modifiedAt, graceMs) <= now;
}

/** ISO-8601 in UTC with milliseconds, so that texts compare as times do. */
function later(time: string, milliseconds: number): string {
  return new Date(Date.parse(time) + milliseconds).toISOString();
}
