import pLimit from 'p-limit';
import type { CallOptions } from '../../storage/object-store.ts';
import { readCatalogues } from '../catalogues.ts';
import { snapshotsOf, type StoredBackup } from '../chain-entries.ts';
import { damaged, isFailure } from '../failures.ts';
import { CONFIG_KEY, KEY_FILES, manifestKey, packKey, volumesPrefix, volumeSnapshotKey } from '../layout.ts';
import { listKeys } from '../list-keys.ts';
import type { Repository } from '../repository.ts';
import { volumePasswordKey } from '../volume-password.ts';

const PARALLEL = 8;
/** Garbage collection may replace indexes meanwhile; that many times in a row is a fault of the store. */
const ATTEMPTS = 5;

export interface LockOptions extends CallOptions {
  /** ISO-8601. */
  readonly until: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Locks until then everything that a backup needs to be restored: its packs, the indexes that name them, its manifest, the key files,
 * `repository.json`, and the data of its volumes. May be repeated, and never shortens a lock. `BadInput` where the store cannot lock, `Damaged` when something of the backup
 * is gone.
 */
export async function extendLocks(
  repository: Repository,
  backup: StoredBackup,
  options: LockOptions,
): Promise<{ readonly objects: number }> {
  const { store, index } = repository.parts;
  const packs = await packsOf(repository, backup, options);
  const locked = new Set<string>();
  const keyFiles = await listKeys(store, KEY_FILES, options);
  const fixed = [...[...packs].map(packKey), manifestKey(backup.sequence), ...keyFiles, CONFIG_KEY];
  const lockAll = async (keys: readonly string[]): Promise<string[]> => {
    const limit = pLimit(PARALLEL);
    const total = locked.size + keys.length;
    const gone: string[] = [];
    const lockOne = async (key: string): Promise<void> => {
      try {
        await store.lock(key, options.until, options);
        locked.add(key);
      } catch (error) {
        if (!isFailure(error, 'NotFound')) throw error;
        gone.push(key);
      }
      options.onProgress?.(locked.size, total);
    };
    await Promise.all(keys.map((key) => limit(() => lockOne(key))));
    return gone;
  };
  const [gone] = await lockAll(fixed);
  if (gone !== undefined) throw damaged(`${store.url}: ${gone}`, `it is gone, and backup ${backup.manifest.name} needs it`);
  await lockVolumes(repository, backup, { ...options, lockAll });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const missed = await lockAll(index.indexesOf(packs).filter((key) => !locked.has(key)));
    if (missed.length === 0) return { objects: locked.size };
    await repository.refresh(options);
  }
  throw damaged(store.url, 'indexes vanish as fast as they are listed');
}

/**
 * The password of the cluster's restic repository, and all that it holds now: only restic knows which of it a snapshot needs, and nothing of what was stored later is
 * needed. Its own locks are left out, they come and go. What restic has replaced meanwhile is gone, and needed by nobody.
 */
async function lockVolumes(
  { parts: { store, keys } }: Repository,
  { manifest }: StoredBackup,
  { lockAll, ...options }: CallOptions & { readonly lockAll: (keys: readonly string[]) => Promise<readonly string[]> },
): Promise<void> {
  const { uid } = manifest.cluster;
  const snapshots = snapshotsOf(manifest).map((snapshot) => volumeSnapshotKey(uid, snapshot));
  if (snapshots.length === 0) return;
  const needed = [...snapshots, volumePasswordKey(keys, uid)];
  const place = volumesPrefix(uid);
  const files = (await listKeys(store, place, options)).filter((key) => !key.startsWith(`${place}locks/`));
  const missing = await lockAll([...new Set([...needed, ...files])]);
  const gone = missing.find((key) => needed.includes(key));
  if (gone !== undefined) throw damaged(`${store.url}: ${gone}`, `it is gone, and backup ${manifest.name} needs it`);
}

/** Ids of the packs that a backup is read from. */
async function packsOf(repository: Repository, { manifest }: StoredBackup, options: CallOptions): Promise<ReadonlySet<string>> {
  const { store, index, reader } = repository.parts;
  await repository.refresh(options);
  const packs = new Set<string>();
  const need = (id: string): void => {
    const [place] = index.find(Buffer.from(id, 'hex'));
    if (!place) throw damaged(`${store.url}: segment ${id}`, `no index knows it, and backup ${manifest.name} needs it`);
    packs.add(index.pack(place.pack).packId);
  };
  for (const id of manifest.parts) need(id);
  for await (const { segments } of readCatalogues({ index, reader }, manifest.parts, options)) for (const id of segments) need(id);
  return packs;
}
