import { HoldfastError } from '../contracts/failures.ts';
import type { HoldManifest } from '../contracts/manifest.ts';
import type { CallOptions } from '../storage/object-store.ts';
import { liveBackups } from './chain-entries.ts';
import type { ManifestChain } from './manifest-chain.ts';

export interface HoldResult {
  /** Names that this call has held or released. */
  readonly changed: readonly string[];
  /** Names that were so before. */
  readonly unchanged: readonly string[];
}

/**
 * Holds backups, so that nothing deletes them, or releases them. It may be repeated: what is as wanted gets no second entry, unless a hold is
 * given another reason. An unknown name is `NotFound`, and nothing is changed.
 */
export async function changeHolds(
  { url, chain }: { readonly url: string; readonly chain: ManifestChain },
  change: { readonly type: HoldManifest['type']; readonly names: readonly string[]; readonly reason: string; readonly at: string },
  options: CallOptions,
): Promise<HoldResult> {
  const { type, names, reason, at } = change;
  let result: HoldResult = { changed: [], unchanged: [] };
  await chain.append(options, (entries) => {
    const live = liveBackups(entries);
    const unknown = names.find((name) => !live.some(({ manifest }) => manifest.name === name));
    if (unknown !== undefined) {
      throw new HoldfastError('NotFound', `${url}: there is no backup named ${unknown}`, { advice: 'see "holdfast backup get"' });
    }
    const named = live.filter(({ manifest }) => names.includes(manifest.name));
    const asWanted = ({ held, holdReason }: (typeof named)[number]): boolean => (type === 'hold' ? held && holdReason === reason : !held);
    const affected = named.filter((entry) => !asWanted(entry));
    result = {
      changed: affected.map(({ manifest }) => manifest.name),
      unchanged: named.filter(asWanted).map(({ manifest }) => manifest.name),
    };
    if (affected.length === 0) return { done: { sequence: 0, hash: '' } };
    const backups = affected.map(({ sequence, hash, manifest }) => ({ sequence, hash, name: manifest.name }));
    return { append: { formatVersion: 1, type, at, reason, backups } };
  });
  return result;
}
