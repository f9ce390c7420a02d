import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { deletedSequences, type BackupEntry, type ChainEntry } from './chain-entries.ts';
import { manifestKey } from './layout.ts';
import type { ManifestChain } from './manifest-chain.ts';

export interface DeletionResult {
  /** Names that this call deleted. */
  readonly deleted: readonly string[];
  /** Names that had been deleted before. */
  readonly alreadyDeleted: readonly string[];
}

/**
 * Deletes backups by name: first the entry in the chain that says so, then the manifest files. It may be repeated; each call also
 * removes the files that an interrupted one has left. An unknown name is `NotFound`, and nothing is deleted.
 */
export async function deleteBackups(
  parts: { readonly store: ObjectStore; readonly chain: ManifestChain },
  names: readonly string[],
  options: CallOptions & { readonly deletedAt: string },
): Promise<DeletionResult> {
  let result: DeletionResult = { deleted: [], alreadyDeleted: [] };
  const choose = (live: readonly BackupEntry[], entries: readonly ChainEntry[]): readonly BackupEntry[] => {
    const chosen = live.filter(({ manifest }) => names.includes(manifest.name));
    const deleted = chosen.map(({ manifest }) => manifest.name);
    const before = new Set([...deletedSequences(entries).values()].map(({ name }) => name));
    const alreadyDeleted = names.filter((name) => !deleted.includes(name) && before.has(name));
    const unknown = names.find((name) => !deleted.includes(name) && !before.has(name));
    if (unknown !== undefined) {
      throw new HoldfastError('NotFound', `${parts.store.url}: there is no backup named ${unknown}`, {
        advice: 'see "holdfast backup get"',
      });
    }
    result = { deleted, alreadyDeleted };
    return chosen;
  };
  await parts.chain.appendDeletion(choose, options);
  await sweep(parts, options);
  return result;
}

async function sweep(parts: { readonly store: ObjectStore; readonly chain: ManifestChain }, options: CallOptions): Promise<void> {
  const { entries } = await parts.chain.read(options);
  const present = new Set(entries.map(({ sequence }) => sequence));
  for (const sequence of deletedSequences(entries).keys()) {
    if (present.has(sequence)) await parts.store.delete(manifestKey(sequence), options);
  }
}
