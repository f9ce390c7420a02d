import type { BackupEntry } from '../chain-entries.ts';
import { readCatalogues } from '../catalogues.ts';
import type { StoredPacks } from '../check/stored-packs.ts';
import type { CondemnedList } from '../condemned-lists.ts';
import { PackReader } from '../pack-reader.ts';
import type { RepositoryParts } from '../repository.ts';
import type { SegmentPlace } from '../segment-table.ts';
import type { CallOptions } from '../../storage/object-store.ts';

/** What live backups need of one pack. */
interface PackUse {
  /** Segments that are read from it, and the bytes of their frames. */
  segments: number;
  bytes: number;
}

/** Which segments live backups need, and which pack is to keep each of them. */
export interface SegmentUsage {
  /** By pack id; what is not here is dead. */
  readonly byPack: ReadonlyMap<string, PackUse>;
  /** Needed segments that no pack has, as far as names and sizes tell. */
  readonly lost: readonly string[];
  /** Whether a live backup needs a segment that an index knows. */
  isNeeded(id: Buffer): boolean;
  /** The place to read a segment from that is needed. */
  keeperOf(id: Buffer): SegmentPlace | undefined;
}

/** Reads the catalogues of all live backups. `Damaged` when one cannot be read: what that backup needs is not known then. */
export async function findUsage(
  parts: Pick<RepositoryParts, 'store' | 'codec' | 'sealer'>,
  known: { readonly stored: StoredPacks; readonly list: CondemnedList; readonly backups: readonly BackupEntry[] },
  options: CallOptions & { readonly onCatalogue?: (done: number, total: number) => void },
): Promise<SegmentUsage> {
  const { stored, list, backups } = known;
  const reader = new PackReader({ ...parts, index: stored });
  const seen = new Uint8Array(stored.segments);
  const byPack = new Map<string, PackUse>();
  const lost = new Set<string>();
  const keeperOf = (id: Buffer): SegmentPlace | undefined => chooseKeeper(stored, list, id);
  const need = (name: string): void => {
    const id = Buffer.from(name, 'hex');
    const entry = stored.entryOf(id);
    if (seen[entry] === 1) return;
    const keeper = keeperOf(id);
    if (entry < 0 || !keeper) {
      lost.add(name);
      return;
    }
    seen[entry] = 1;
    const { packId } = stored.pack(keeper.pack);
    const use = byPack.get(packId) ?? { segments: 0, bytes: 0 };
    use.segments += 1;
    use.bytes += keeper.length;
    byPack.set(packId, use);
  };
  const catalogues = new Set(backups.flatMap(({ manifest }) => manifest.parts));
  let done = 0;
  for (const id of catalogues) need(id);
  if (lost.size === 0) {
    for await (const { segments } of readCatalogues({ index: stored, reader }, catalogues, options)) {
      for (const id of segments) need(id);
      options.onCatalogue?.(++done, catalogues.size);
    }
  }
  return { byPack, lost: [...lost], keeperOf, isNeeded: (id) => seen[stored.entryOf(id)] === 1 };
}

/** Of the packs that are there in full: the one that garbage collection thinks best of, then the one with the lower name. */
function chooseKeeper(stored: StoredPacks, list: CondemnedList, id: Buffer): SegmentPlace | undefined {
  let best: { readonly place: SegmentPlace; readonly rank: string } | undefined;
  for (const place of stored.find(id)) {
    const { packId, sizeBytes, storedBytes } = stored.pack(place.pack);
    if (storedBytes !== sizeBytes) continue;
    const rank = `${standingOf(packId, list)}${packId}`;
    if (!best || rank < best.rank) best = { place, rank };
  }
  return best?.place;
}

function standingOf(packId: string, list: CondemnedList): number {
  if (list.doomed.has(packId) || list.left.has(packId)) return 3;
  if (list.condemned.has(packId)) return 2;
  return list.sparse.has(packId) ? 1 : 0;
}
