import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { parseCondemnedList, type CondemnedDocument } from './documents.ts';
import { checkedTwice, damaged, isFailure } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import { CONDEMNED, condemnedKey, condemnedNumberOf, sequenceName } from './layout.ts';
import { listKeys } from './list-keys.ts';
import type { BoxSealer } from './sealed-box.ts';

/** A newer list may take the place of the one that was found; that many times in a row is a fault of the store. */
const ATTEMPTS = 5;

/** What garbage collection has told writers not to build upon. A pack is in one of the four lists only. */
export interface CondemnedList {
  /** 0 when there is no list yet. */
  readonly number: number;
  /** ISO-8601, by the store's clock; packs that no backup needs, and since when that is known. */
  readonly condemned: ReadonlyMap<string, string>;
  /** Packs that are about to be deleted, if the chain has a collection entry for this list. */
  readonly doomed: ReadonlySet<string>;
  /** Packs whose deletion was entered in the chain and is not complete: locked, or gone and named by an index that is. */
  readonly left: ReadonlySet<string>;
  /** Packs that are needed, and mostly not. */
  readonly sparse: ReadonlySet<string>;
}

export const NOTHING_CONDEMNED: CondemnedList = {
  number: 0,
  condemned: new Map(),
  doomed: new Set(),
  left: new Set(),
  sparse: new Set(),
};

/** Numbers of the lists that are there, ascending. */
export async function listNumbers(store: ObjectStore, options: CallOptions): Promise<number[]> {
  return (await listKeys(store, CONDEMNED, options)).flatMap((key) => condemnedNumberOf(key) ?? []);
}

/**
 * The newest list; `known` when there is none any more. It is read every time: where a list was set back to an earlier one, another gets a number that
 * was seen before. `Damaged` when it does not authenticate.
 */
export async function readNewestList(
  from: { readonly store: ObjectStore; readonly sealer: BoxSealer },
  known: CondemnedList,
  options: CallOptions,
): Promise<CondemnedList> {
  for (let attempt = 1; ; attempt++) {
    const number = (await listNumbers(from.store, options)).at(-1) ?? 0;
    if (number === 0) return known;
    try {
      return await readList(from, number, options);
    } catch (error) {
      if (!isFailure(error, 'NotFound') || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * One list by its number. `Damaged`, `NotFound`. One that claims to be of a newer format counts as damaged: nothing authenticates the claim, nothing is
 * restored by a list, and a collection writes another.
 */
export async function readList(
  { store, sealer }: { readonly store: ObjectStore; readonly sealer: BoxSealer },
  number: number,
  options: CallOptions,
): Promise<CondemnedList> {
  const key = condemnedKey(number);
  const where = `${store.url}: ${key}`;
  return checkedTwice(async () => {
    const file = await store.read(key, undefined, options);
    const { condemned, doomed, left, sparse } = notNewer(where, () => {
      const box = afterHeader('C', file, where);
      return parseCondemnedList(sealer.open({ kind: 'condemned', name: sequenceName(number) }, box, where), where);
    });
    return {
      number,
      condemned: new Map(condemned.map(({ pack, at }) => [pack, at])),
      doomed: new Set(doomed),
      left: new Set(left),
      sparse: new Set(sparse),
    };
  });
}

function notNewer<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw isFailure(error, 'NewerFormat') ? damaged(where, error.message, error) : error;
  }
}

/** Writes a list; `AlreadyExists` when another collection was faster. `at`: the store's time. */
export async function writeList(
  to: { readonly store: ObjectStore; readonly sealer: BoxSealer },
  list: CondemnedList,
  options: CallOptions & { readonly at: string },
): Promise<number> {
  const { number, condemned, doomed, left, sparse } = list;
  const document: CondemnedDocument = {
    formatVersion: 1,
    at: options.at,
    condemned: [...condemned].map(([pack, at]) => ({ pack, at })).sort((a, b) => (a.pack < b.pack ? -1 : 1)),
    doomed: [...doomed].sort(),
    left: [...left].sort(),
    sparse: [...sparse].sort(),
  };
  const box = to.sealer.seal({ kind: 'condemned', name: sequenceName(number) }, Buffer.from(JSON.stringify(document)), true);
  const file = Buffer.concat([fileHeader('C'), box]);
  try {
    await to.store.create(condemnedKey(number), file, options);
  } catch (error) {
    // Sealing is deterministic: equal bytes are what we wrote ourselves, when the answer to that was lost.
    if (!isFailure(error, 'AlreadyExists') || !(await to.store.read(condemnedKey(number), undefined, options)).equals(file)) throw error;
  }
  return file.length;
}

/** Whether two lists say the same, whatever their numbers are. */
export function sameVerdicts(a: CondemnedList, b: CondemnedList): boolean {
  const sameSet = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
    one.size === other.size && [...one].every((pack) => other.has(pack));
  return (
    a.condemned.size === b.condemned.size &&
    [...a.condemned].every(([pack, at]) => b.condemned.get(pack) === at) &&
    sameSet(a.doomed, b.doomed) &&
    sameSet(a.left, b.left) &&
    sameSet(a.sparse, b.sparse)
  );
}
