import pLimit from 'p-limit';
import type { CallOptions } from '../../storage/object-store.ts';
import { isFailure } from '../failures.ts';
import { hexNameOf } from '../layout.ts';
import { openRecord } from '../records.ts';
import type { RepositoryParts } from '../repository.ts';
import { FROM_COPY, isBadContent, type Findings } from './findings.ts';

const PARALLEL_READS = 4;

/** Reads every record: accounts of runs, which no backup needs. */
export async function checkRecords(
  parts: Pick<RepositoryParts, 'store' | 'keys' | 'sealer'>,
  { findings, records }: { readonly findings: Findings; readonly records: readonly string[] },
  options: CallOptions,
): Promise<void> {
  const limit = pLimit(PARALLEL_READS);
  const readOne = async (key: string): Promise<void> => {
    try {
      await openRecord(parts, hexNameOf(key) ?? '', options);
    } catch (error) {
      if (isFailure(error, 'NotFound')) return;
      if (!isBadContent(error)) throw error;
      findings.add('spare', key, {
        code: 'RecordDamaged',
        message: error.message,
        advice: `${FROM_COPY}: it is the account of a run, no backup needs it`,
      });
    }
  };
  await Promise.all(records.map((key) => limit(() => readOne(key))));
}
