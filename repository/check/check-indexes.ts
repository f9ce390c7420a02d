import pLimit from 'p-limit';
import type { CallOptions, ObjectStore } from '../../storage/object-store.ts';
import { checkedTwice, damaged, isFailure, sha256 } from '../failures.ts';
import { afterHeader } from '../file-header.ts';
import { indexKey } from '../layout.ts';
import { decodeIndex, type PackTable } from '../pack-table.ts';
import type { BoxSealer } from '../sealed-box.ts';
import { FROM_COPY, isBadContent, type Findings } from './findings.ts';
import type { StoredPacks } from './stored-packs.ts';

const PARALLEL_READS = 4;

interface IndexWork {
  readonly store: ObjectStore;
  readonly sealer: BoxSealer;
  readonly packs: StoredPacks;
}

/** The damaged indexes of a location, by key, and the packs that each of the others names. */
export interface IndexResult {
  readonly damaged: ReadonlyMap<string, string>;
  readonly packsOf: ReadonlyMap<string, readonly string[]>;
}

/** Reads every index and enters what it says. Damaged ones are reported once it is known whether a backup needs them. */
export async function readIndexes(work: IndexWork, keys: readonly string[], options: CallOptions): Promise<IndexResult> {
  const limit = pLimit(PARALLEL_READS);
  const spoilt = new Map<string, string>();
  const packsOf = new Map<string, readonly string[]>();
  const readOne = async (key: string): Promise<void> => {
    try {
      const packs = await checkedTwice(async () => [...(await readIndexFile(work, key, options))]);
      for (const table of packs) work.packs.enter(table, key);
      packsOf.set(
        key,
        packs.map(({ packId }) => packId),
      );
    } catch (error) {
      // Garbage collection may have replaced it since it was listed.
      if (isFailure(error, 'NotFound')) return;
      if (!isBadContent(error)) throw error;
      spoilt.set(key, error.message);
    }
  };
  await Promise.all(keys.map((key) => limit(() => readOne(key))));
  return { damaged: spoilt, packsOf };
}

/** What an index says, pack by pack. `Damaged`, `NotFound`. */
export async function readIndexFile(work: Omit<IndexWork, 'packs'>, key: string, options: CallOptions): Promise<Generator<PackTable>> {
  const where = `${work.store.url}: ${key}`;
  const file = await work.store.read(key, undefined, options);
  if (indexKey(sha256(file)) !== key) throw damaged(where, 'its hash is not its name');
  return decodeIndex(work.sealer.open({ kind: 'index', name: '' }, afterHeader('I', file, where), where), where);
}

/** `unknownNeeded`: backups need segments that no index knows, so a damaged one may be what had them. */
export function reportIndexes(findings: Findings, { damaged: spoilt }: IndexResult, unknownNeeded: boolean): void {
  for (const [key, message] of spoilt) {
    findings.add(unknownNeeded ? 'data' : 'spare', key, {
      code: 'IndexDamaged',
      message,
      advice: unknownNeeded
        ? `${FROM_COPY}, or make a new backup: it stores afresh what the index cannot find`
        : 'no backup needs it: the segments that backups use are in other indexes',
    });
  }
}
