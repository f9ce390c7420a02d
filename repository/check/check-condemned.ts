import type { CallOptions } from '../../storage/object-store.ts';
import { readList } from '../condemned-lists.ts';
import { isFailure } from '../failures.ts';
import { condemnedKey } from '../layout.ts';
import type { RepositoryParts } from '../repository.ts';
import { isBadContent, type Findings } from './findings.ts';

/** Reads the lists of what garbage collection has condemned: nothing is restored by them, but new backups wait for one that can be read. */
export async function checkCondemned(
  parts: Pick<RepositoryParts, 'store' | 'sealer'>,
  { findings, condemned }: { readonly findings: Findings; readonly condemned: readonly number[] },
  options: CallOptions,
): Promise<void> {
  for (const number of condemned) {
    try {
      await readList(parts, number, options);
    } catch (error) {
      if (isFailure(error, 'NotFound')) continue;
      if (!isBadContent(error)) throw error;
      findings.add('spare', condemnedKey(number), {
        code: 'CondemnedListDamaged',
        message: error.message,
        advice: 'no backup needs it; `holdfast repository gc` writes another',
      });
    }
  }
}
