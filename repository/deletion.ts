import { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest } from '../contracts/manifest.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { deletedSequences, liveBackups, type BackupEntry, type ChainEntry } from './chain-entries.ts';
import { deleteUnlessLocked } from './delete-unless-locked.ts';
import { manifestKey } from './layout.ts';
import type { ManifestChain } from './manifest-chain.ts';

export interface DeletionResult {
  /** Names that this call deleted. */
  readonly deleted: readonly string[];
  /** Names that had been deleted before. */
  readonly alreadyDeleted: readonly string[];
  /** Backups that count as deleted and whose manifest files the store does not let go yet. */
  readonly locked: readonly LockedManifest[];
}

export interface LockedManifest {
  readonly name: string;
  /** ISO-8601; '' when the store does not say. */
  readonly until: string;
}

export interface DeletionOptions extends CallOptions {
  /**
   * Told of the backups that count as deleted now and whose manifest files are about to go, and of those that stay: the last moment to do away with what only
   * the manifests know of. A deletion that died there tells of them again the next time.
   */
  readonly beforeFilesGo?: (going: readonly BackupManifest[], staying: readonly BackupManifest[]) => Promise<void>;
}

/**
 * Deletes backups by name: first the entry in the chain that says so, then the manifest files. It may be repeated; each call also
 * removes the files that an interrupted one has left. An unknown name is `NotFound`, a held backup is `Conflict`, and nothing is deleted.
 */
export async function deleteBackups(
  parts: { readonly store: ObjectStore; readonly chain: ManifestChain },
  names: readonly string[],
  options: DeletionOptions & { readonly deletedAt: string },
): Promise<DeletionResult> {
  let result: Omit<DeletionResult, 'locked'> = { deleted: [], alreadyDeleted: [] };
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
    const held = chosen.find((entry) => entry.held);
    if (held) throw heldBackup(parts.store.url, held);
    result = { deleted, alreadyDeleted };
    return chosen;
  };
  await parts.chain.appendDeletion(choose, options);
  return { ...result, locked: await removeDeletedManifests(parts, options) };
}

/** Removes the manifest files of backups that deletion entries name, and says which the store has kept because of a lock. */
async function removeDeletedManifests(
  { store, chain }: { readonly store: ObjectStore; readonly chain: ManifestChain },
  options: DeletionOptions,
): Promise<LockedManifest[]> {
  const { entries } = await chain.read(options);
  const present = new Set(entries.map(({ sequence }) => sequence));
  const deleted = deletedSequences(entries);
  const going = entries.flatMap(({ sequence, content }) =>
    deleted.has(sequence) && 'manifest' in content && content.manifest.type === 'backup' ? [content.manifest] : [],
  );
  await options.beforeFilesGo?.(
    going,
    liveBackups(entries).map(({ manifest }) => manifest),
  );
  const locked: LockedManifest[] = [];
  for (const [sequence, { name }] of deleted) {
    if (!present.has(sequence)) continue;
    const outcome = await deleteUnlessLocked(store, manifestKey(sequence), options);
    if (outcome !== 'deleted') locked.push({ name, until: outcome.lockedUntil });
  }
  return locked;
}

function heldBackup(url: string, { manifest, holdReason }: BackupEntry): HoldfastError {
  const why = holdReason === '' ? '' : `: ${holdReason}`;
  return new HoldfastError('Conflict', `${url}: backup ${manifest.name} is held${why}; nothing was deleted`, {
    advice: `release it with "holdfast backup release ${manifest.name}"`,
  });
}
