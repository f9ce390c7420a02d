import type { CopyTotals } from '../../contracts/copy.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { NOTHING_COPIED } from '../../domain/copy/totals.ts';
import type { CallOptions, StoredObject } from '../../storage/object-store.ts';
import { checkedTwice, damaged, sha256 } from '../failures.ts';
import { hexNameOf, INDEXES, KEY_FILES, keyFileKey } from '../layout.ts';
import type { CopyPlaces } from './plan-copy.ts';

/**
 * Brings one object over: by the store itself where it can, else through here. `gone` when the original is not there any more; an issue when
 * it is damaged. Everything else that fails is thrown.
 */
export async function copyObject(
  { from, to }: CopyPlaces,
  object: StoredObject,
  options: CallOptions,
): Promise<CopyTotals | Issue | 'gone'> {
  const { key, sizeBytes } = object;
  // An object store vouches for its bytes at rest. A disk does not, and reading them here costs no more.
  const serverSide = isNamedByHash(key) && to.place.scheme !== 'file' && to.canCopyFrom(from.place);
  try {
    if (serverSide) await to.copyFrom(from.place, key, options);
    else await to.create(key, await readChecked({ from, to }, key, options), options);
    return { ...NOTHING_COPIED, copied: 1, bytes: sizeBytes, serverSide: serverSide ? 1 : 0 };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    // Another copy was faster.
    if (error.type === 'AlreadyExists') return { ...NOTHING_COPIED, known: 1 };
    if (error.type === 'NotFound') return 'gone';
    if (error.type === 'Damaged') return { code: 'CopySourceDamaged', message: error.message, advice: error.advice };
    throw error;
  }
}

/** Only their writers can overwrite such objects, and only with the same bytes. */
function isNamedByHash(key: string): boolean {
  return key.startsWith('packs/') || key.startsWith(INDEXES) || key.startsWith(KEY_FILES);
}

async function readChecked({ from }: CopyPlaces, key: string, options: CallOptions): Promise<Buffer> {
  return checkedTwice(async () => {
    const bytes = await from.read(key, undefined, options);
    const hash = isNamedByHash(key) ? sha256(bytes) : undefined;
    const right = hash === undefined || (key.startsWith(KEY_FILES) ? keyFileKey(hash) === key : hexNameOf(key) === hash);
    if (!right) throw damaged(`${from.url}: ${key}`, 'its hash is not its name');
    return bytes;
  });
}
