import type { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest, Manifest } from '../contracts/manifest.ts';

/** One manifest that is there and authentic, or, with `damage`, one that is there and is not. */
export interface ChainEntry {
  readonly sequence: number;
  /** SHA-256 of the stored file. */
  readonly hash: string;
  readonly content: { readonly previousHash: string; readonly manifest: Manifest } | { readonly damage: HoldfastError };
}

export interface BackupEntry {
  readonly sequence: number;
  readonly hash: string;
  readonly manifest: BackupManifest;
}

/** The backups that no deletion entry names, oldest first. */
export function liveBackups(entries: readonly ChainEntry[]): BackupEntry[] {
  const deleted = deletedSequences(entries);
  return entries.flatMap(({ sequence, hash, content }) =>
    'manifest' in content && content.manifest.type === 'backup' && !deleted.has(sequence)
      ? [{ sequence, hash, manifest: content.manifest }]
      : [],
  );
}

/** Hash and name by sequence of everything that deletion entries name. An entry can name earlier ones only. */
export function deletedSequences(entries: readonly ChainEntry[]): Map<number, { readonly hash: string; readonly name: string }> {
  const deleted = new Map<number, { readonly hash: string; readonly name: string }>();
  for (const { sequence, content } of entries) {
    if (!('manifest' in content) || content.manifest.type !== 'deletion') continue;
    for (const gone of content.manifest.deleted) if (gone.sequence < sequence) deleted.set(gone.sequence, gone);
  }
  return deleted;
}
