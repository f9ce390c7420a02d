import type { Issue } from '../contracts/outcome.ts';
import { deletedSequences, type ChainEntry } from './chain-entries.ts';
import { manifestKey } from './layout.ts';

const ADVICE = 'compare with a copy of the location; if nobody here did it, somebody else can write to it';

export interface ChainProblem extends Issue {
  readonly sequence: number;
}

/** What the entries say of each other, and what is remembered of them. */
interface Inspection {
  readonly entries: readonly ChainEntry[];
  readonly witnessed: ReadonlyMap<number, string>;
  readonly hashes: ReadonlyMap<number, string>;
  readonly deleted: ReturnType<typeof deletedSequences>;
  readonly problem: (code: string, sequence: number, what: string) => ChainProblem;
}

/**
 * What is wrong with a chain: damaged entries, gaps that no deletion explains, hashes that do not fit, and whatever differs from what
 * this process saw before (`witnessed`, hash by sequence).
 */
export function inspectChain(entries: readonly ChainEntry[], witnessed: ReadonlyMap<number, string>, url: string): ChainProblem[] {
  const hashes = new Map(entries.map(({ sequence, hash }) => [sequence, hash]));
  const problem = (code: string, sequence: number, what: string): ChainProblem => ({
    sequence,
    code,
    message: `${url}: ${manifestKey(sequence)} ${what}`,
    advice: ADVICE,
  });
  const inspection = { entries, witnessed, hashes, deleted: deletedSequences(entries), problem };
  return [...missingEntries(inspection), ...misfits(inspection)];
}

function missingEntries({ witnessed, hashes, deleted, problem }: Inspection): ChainProblem[] {
  const last = [...hashes.keys(), ...witnessed.keys()].reduce((most, sequence) => Math.max(most, sequence), 0);
  const known = [...new Set([...hashes.keys(), ...witnessed.keys(), ...deleted.keys()])]
    .filter((found) => found <= last)
    .sort((a, b) => a - b);
  const gaps = runsBetween(known).map(({ from, to }) => {
    const what = from === to ? 'is gone' : `to ${manifestKey(to)} are gone`;
    return problem('ManifestGap', from, `${what}, and no deletion is recorded`);
  });
  const changed = [...witnessed].flatMap(([sequence, seen]) => {
    const hash = hashes.get(sequence) ?? deleted.get(sequence)?.hash;
    if (hash === undefined) return problem('ManifestGap', sequence, 'is gone, and no deletion is recorded');
    return seen === hash ? [] : problem('ManifestReplaced', sequence, 'is not the file that was there before');
  });
  return [...gaps, ...changed].sort((a, b) => a.sequence - b.sequence);
}

function misfits({ entries, hashes, deleted, problem }: Inspection): ChainProblem[] {
  const hashOf = (sequence: number): string | undefined => (sequence === 0 ? '' : (hashes.get(sequence) ?? deleted.get(sequence)?.hash));
  const problems: ChainProblem[] = [];
  for (const { sequence, content, hash } of entries) {
    if ('damage' in content) {
      problems.push({ sequence, code: 'ManifestDamaged', message: content.damage.message, advice: content.damage.advice });
      continue;
    }
    const before = hashOf(sequence - 1);
    if (before !== undefined && before !== content.previousHash) {
      problems.push(problem('ManifestHashMismatch', sequence, 'does not follow the entry before it'));
    }
    const recorded = deleted.get(sequence)?.hash ?? hash;
    if (recorded !== hash) problems.push(problem('ManifestHashMismatch', sequence, 'is not the file that its deletion names'));
  }
  return problems;
}

/** The runs of numbers from 1 on that are not there. As runs, since anybody can put a file behind millions of free numbers. */
function runsBetween(ascending: readonly number[]): { readonly from: number; readonly to: number }[] {
  return ascending.flatMap((number, index) => {
    const from = (ascending[index - 1] ?? 0) + 1;
    return from < number ? [{ from, to: number - 1 }] : [];
  });
}
