import type { Issue } from '../contracts/outcome.ts';
import { deletedSequences, type ChainEntry } from './chain-entries.ts';
import { manifestKey } from './layout.ts';

const ADVICE = 'compare with a copy of the location; if nobody here did it, somebody else can write to it';

export interface ChainProblem extends Issue {
  readonly sequence: number;
}

/**
 * What is wrong with a chain: damaged entries, gaps that no deletion explains, hashes that do not fit, and whatever differs from what
 * this process saw before (`witnessed`, hash by sequence).
 */
export function inspectChain(entries: readonly ChainEntry[], witnessed: ReadonlyMap<number, string>, url: string): ChainProblem[] {
  const hashes = new Map(entries.map(({ sequence, hash }) => [sequence, hash]));
  const deleted = deletedSequences(entries);
  const hashOf = (sequence: number): string | undefined => (sequence === 0 ? '' : (hashes.get(sequence) ?? deleted.get(sequence)?.hash));
  const problem = (code: string, sequence: number, what: string): ChainProblem => ({
    sequence,
    code,
    message: `${url}: ${manifestKey(sequence)} ${what}`,
    advice: ADVICE,
  });
  const problems: ChainProblem[] = [];
  const last = Math.max(0, ...hashes.keys(), ...witnessed.keys());
  for (let sequence = 1; sequence <= last; sequence++) {
    const hash = hashOf(sequence);
    const seen = witnessed.get(sequence);
    if (hash === undefined) problems.push(problem('ManifestGap', sequence, 'is gone, and no deletion is recorded'));
    else if (seen !== undefined && seen !== hash)
      problems.push(problem('ManifestReplaced', sequence, 'is not the file that was there before'));
  }
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
