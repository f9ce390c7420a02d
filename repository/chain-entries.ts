import type { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest, Manifest } from '../contracts/manifest.ts';

/** Nobody loses so many entries in a row. */
const FARTHEST_DAMAGE = 100_000;

/** One manifest that is there and authentic, or, with `damage`, one that is there and is not. */
export interface ChainEntry {
  readonly sequence: number;
  /** SHA-256 of the stored file. */
  readonly hash: string;
  readonly content: { readonly previousHash: string; readonly manifest: Manifest } | { readonly damage: HoldfastError };
}

export interface StoredBackup {
  readonly sequence: number;
  readonly hash: string;
  readonly manifest: BackupManifest;
}

/** A backup with what the rest of the chain says of it. */
export interface BackupEntry extends StoredBackup {
  /** It cannot be deleted until it is released. */
  readonly held: boolean;
  /** What the hold was given for; '' when not held, or when nothing was said. */
  readonly holdReason: string;
}

/**
 * The last entry of a chain, the one that the next follows. Damaged ones count, lest their numbers are given away twice; one far behind everything that is
 * authentic was put there by somebody else, and must not use up the numbers.
 */
export function lastEntry(entries: readonly ChainEntry[]): ChainEntry | undefined {
  const authentic = entries.findLast(({ content }) => 'manifest' in content)?.sequence ?? 0;
  return entries.findLast(({ sequence }) => sequence <= authentic + FARTHEST_DAMAGE);
}

/** The backups that no deletion entry names, oldest first. */
export function liveBackups(entries: readonly ChainEntry[]): BackupEntry[] {
  const deleted = deletedSequences(entries);
  const holds = holdReasons(entries);
  return entries.flatMap(({ sequence, hash, content }) => {
    if (!('manifest' in content) || content.manifest.type !== 'backup' || deleted.has(sequence)) return [];
    const reason = holds.get(holdKey(sequence, hash));
    return [{ sequence, hash, manifest: content.manifest, held: reason !== undefined, holdReason: reason ?? '' }];
  });
}

/** Why backups are held now. */
function holdReasons(entries: readonly ChainEntry[]): Map<string, string> {
  const holds = new Map<string, string>();
  for (const { content } of entries) {
    if (!('manifest' in content)) continue;
    const { manifest } = content;
    if (manifest.type !== 'hold' && manifest.type !== 'release') continue;
    for (const { sequence, hash } of manifest.backups) {
      if (manifest.type === 'hold') holds.set(holdKey(sequence, hash), manifest.reason);
      else holds.delete(holdKey(sequence, hash));
    }
  }
  return holds;
}

function holdKey(sequence: number, hash: string): string {
  return `${sequence}/${hash}`;
}

/** Number of the newest condemned list that a collection entry names; 0 when there was no collection. */
export function lastCollectedList(entries: readonly ChainEntry[]): number {
  return entries.reduce(
    (last, { content }) => ('manifest' in content && content.manifest.type === 'collection' ? Math.max(last, content.manifest.list) : last),
    0,
  );
}

/** Ids of the restic snapshots that backups need. */
export function neededSnapshots(entries: readonly ChainEntry[]): Set<string> {
  return new Set(liveBackups(entries).flatMap(({ manifest }) => snapshotsOf(manifest)));
}

export function snapshotsOf({ volumes = [] }: BackupManifest): readonly string[] {
  return volumes.flatMap(({ data }) => (data?.kind === 'restic' ? [data.snapshot] : []));
}

/** Ids of the restic snapshots that collections have announced to forget. */
export function announcedSnapshots(entries: readonly ChainEntry[]): Set<string> {
  return new Set(
    entries.flatMap(({ content }) =>
      'manifest' in content && content.manifest.type === 'volume-collection' ? content.manifest.snapshots : [],
    ),
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
