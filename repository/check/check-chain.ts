import pLimit from 'p-limit';
import type { CallOptions } from '../../storage/object-store.ts';
import { deletedSequences, type ChainEntry } from '../chain-entries.ts';
import { inspectChain } from '../chain-inspection.ts';
import { isFailure } from '../failures.ts';
import { manifestKey } from '../layout.ts';
import type { RepositoryParts } from '../repository.ts';
import type { Findings } from './findings.ts';
import type { Witness } from './witness.ts';

const PARALLEL_READS = 4;

/** Reads every entry of the chain that is there. One that claims to be of a newer format counts as damaged here. */
export async function readEntries(
  { chain }: Pick<RepositoryParts, 'chain'>,
  sequences: readonly number[],
  options: CallOptions,
): Promise<ChainEntry[]> {
  const limit = pLimit(PARALLEL_READS);
  const readOne = async (sequence: number): Promise<ChainEntry | undefined> => {
    try {
      return await chain.readEntry(sequence, options);
    } catch (error) {
      if (isFailure(error, 'NewerFormat')) return { sequence, hash: '', content: { damage: error } };
      // Deleted since it was listed: the next look at the chain sees the entry that says so.
      if (isFailure(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  const read = await Promise.all(sequences.map((sequence) => limit(() => readOne(sequence))));
  return read.filter((entry) => entry !== undefined);
}

/** Gaps, replaced and damaged entries, and what differs from what was seen before: whether anything of the last kind was found. */
export function reportChain(
  findings: Findings,
  entries: readonly ChainEntry[],
  { url, witness }: { readonly url: string; readonly witness: Witness | undefined },
): boolean {
  const deleted = deletedSequences(entries);
  const newest = entries.at(-1)?.sequence ?? 0;
  const seen = new Map(witness && witness.sequence > 0 ? [[witness.sequence, witness.hash]] : []);
  const problems = inspectChain(entries, seen, url);
  for (const problem of problems) {
    const { sequence, message, advice } = problem;
    findings.add(deleted.has(sequence) ? 'spare' : 'data', manifestKey(sequence), {
      code: sequence > newest ? 'RolledBack' : problem.code,
      message: sequence === witness?.sequence ? `${message} (an earlier check saw it at ${witness.seenAt})` : message,
      ...(advice === undefined ? {} : { advice }),
    });
  }
  return problems.some(({ sequence, code }) => sequence > newest || code === 'ManifestReplaced');
}
