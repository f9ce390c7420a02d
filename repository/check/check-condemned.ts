import type { CallOptions } from '../../storage/object-store.ts';
import { readList } from '../condemned-lists.ts';
import { isFailure } from '../failures.ts';
import { condemnedKey } from '../layout.ts';
import type { RepositoryParts } from '../repository.ts';
import { isBadContent, type Findings } from './findings.ts';
import type { Witness } from './witness.ts';

interface CondemnedWork {
  readonly findings: Findings;
  /** Numbers of the lists that are there. */
  readonly condemned: readonly number[];
  readonly witness: Witness | undefined;
}

/**
 * Reads the lists of what garbage collection has condemned: nothing is restored by them, but new backups wait for one that can be read. `newest`: the highest
 * number of those that can be read, 0 for none; `setBack`: an earlier check saw a newer one, and numbers only grow.
 */
export async function checkCondemned(
  parts: Pick<RepositoryParts, 'store' | 'sealer'>,
  { findings, condemned, witness }: CondemnedWork,
  options: CallOptions,
): Promise<{ readonly newest: number; readonly setBack: boolean }> {
  let [newest, damaged] = [0, 0];
  for (const number of condemned) {
    try {
      await readList(parts, number, options);
      newest = Math.max(newest, number);
    } catch (error) {
      if (isFailure(error, 'NotFound')) continue;
      if (!isBadContent(error)) throw error;
      damaged += 1;
      findings.add('spare', condemnedKey(number), {
        code: 'CondemnedListDamaged',
        message: error.message,
        advice: 'no backup needs it; `holdfast repository gc` writes another',
      });
    }
  }
  // A damaged one may be the one that was seen, and is reported as such.
  if (witness === undefined || damaged > 0 || newest >= witness.list) return { newest, setBack: false };
  findings.add('spare', condemnedKey(witness.list), {
    code: 'CondemnedListGone',
    message: `${parts.store.url}: ${condemnedKey(witness.list)} was there at ${witness.seenAt} and is gone, and there is no newer one`,
    advice: 'no backup needs it; if nobody here removed it, somebody else can write to the location',
  });
  return { newest, setBack: true };
}
