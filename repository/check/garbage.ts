import type { CallOptions } from '../../storage/object-store.ts';
import { packKey } from '../layout.ts';
import { readTrailer } from '../pack-trailer.ts';
import type { RepositoryParts } from '../repository.ts';
import type { IndexResult } from './check-indexes.ts';
import { isBadContent, type Findings } from './findings.ts';
import type { Inventory } from './inventory.ts';
import type { StoredPacks } from './stored-packs.ts';

/** What is younger may be the work of a backup that has not come to its end yet. */
const YOUNG_MS = 72 * 3_600_000;

interface GarbageWork {
  readonly url: string;
  readonly inventory: Inventory;
  readonly stored: StoredPacks;
  readonly indexes: IndexResult;
  readonly now: number;
}

/** Packs that no index names. */
export function orphanPacks({ inventory, stored }: Pick<GarbageWork, 'inventory' | 'stored'>): string[] {
  return [...inventory.packs.keys()].filter((packId) => !stored.has(packId));
}

/** What no backup needs: not damage, but space. Only called when every catalogue could be read. */
export function reportGarbage(findings: Findings, work: GarbageWork): void {
  const { url, inventory, stored, indexes } = work;
  const tell = (
    code: string,
    what: string,
    found: readonly { readonly key: string; readonly at: string; readonly bytes: number }[],
  ): void => {
    for (const young of [false, true]) {
      const group = found.filter(({ at }) => work.now - Date.parse(at) < YOUNG_MS === young);
      const [first] = group;
      if (!first) continue;
      findings.add('note', group.length === 1 ? first.key : '', {
        code,
        message: `${url}: ${group.length} ${what} (${group.reduce((sum, { bytes }) => sum + bytes, 0)} bytes), the first is ${first.key}`,
        advice: young ? 'younger than 72 hours: maybe the work of a running backup' : '`holdfast repository gc` frees the space',
      });
    }
  };
  tell(
    'OrphanPack',
    'packs that no index names',
    orphanPacks(work).map((packId) => place(inventory, packId)),
  );
  tell(
    'UnusedPack',
    'packs that no backup needs',
    stored.all.filter(({ needed, storedBytes }) => !needed && storedBytes !== undefined).map(({ packId }) => place(inventory, packId)),
  );
  const needed = new Set(stored.all.filter((pack) => pack.needed).map(({ packId }) => packId));
  const useless = inventory.indexes.filter(({ key }) => indexes.packsOf.get(key)?.every((packId) => !needed.has(packId)) ?? false);
  tell(
    'UnusedIndex',
    'indexes of packs that no backup needs',
    useless.map(({ key, modifiedAt, sizeBytes }) => ({ key, at: modifiedAt, bytes: sizeBytes })),
  );
}

/** Objects that are none of ours: they are left alone. */
export function reportForeign(findings: Findings, url: string, { foreign, totals }: Inventory): void {
  const [first] = foreign;
  if (first === undefined) return;
  findings.add('note', first, {
    code: 'ForeignObject',
    message: `${url}: ${totals.foreign.objects} objects here are not Holdfast's: ${foreign.join(', ')}`,
    advice: 'they are ignored and never touched; a location is better kept for one repository alone',
  });
}

/** Looks for segments that backups need and no index knows in the packs that no index names: then only an index is gone, not the data. */
export async function searchOrphans(
  work: Pick<GarbageWork, 'inventory' | 'stored'> & { readonly parts: Pick<RepositoryParts, 'store' | 'sealer'> },
  unknown: ReadonlySet<string>,
  options: CallOptions,
): Promise<{ readonly packs: readonly string[]; readonly segments: number }> {
  const packs: string[] = [];
  const found = new Set<string>();
  for (const packId of orphanPacks(work)) {
    try {
      const { key, bytes } = place(work.inventory, packId);
      const frames = await readTrailer(work.parts, { key, sizeBytes: bytes }, options);
      const wanted = frames.map(({ id }) => id.toString('hex')).filter((id) => unknown.has(id));
      if (wanted.length > 0) packs.push(packId);
      for (const id of wanted) found.add(id);
    } catch (error) {
      // Damage of a pack that nobody names is told elsewhere.
      if (!isBadContent(error)) throw error;
    }
  }
  return { packs, segments: found.size };
}

function place({ packs }: Inventory, packId: string): { readonly key: string; readonly at: string; readonly bytes: number } {
  const object = packs.get(packId);
  return { key: packKey(packId), at: object?.modifiedAt ?? '', bytes: object?.sizeBytes ?? 0 };
}
