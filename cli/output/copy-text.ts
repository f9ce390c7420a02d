import type { CopyRepositoryResult, CopyTotals } from '../../contracts/copy.ts';
import { issueLines } from './issue-lines.ts';
import { phase } from './colours.ts';
import { bytes, count, duration } from './quantities.ts';

export function copyTotalsText({ copied, bytes: sent, serverSide, known, failed }: CopyTotals): string {
  const side = serverSide > 0 ? `, ${count(serverSide)} of them by the store itself` : '';
  return `${count(copied)} objects copied (${bytes(sent)}${side}), ${count(known)} there already${failed > 0 ? `, ${count(failed)} failed` : ''}`;
}

/** What a person wants to know right after a copy. */
export function copyResultText(result: CopyRepositoryResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  return [
    `copy of "${result.from}" to "${result.to}" ${phase(result.phase)} in ${duration(took)}: ${copyTotalsText(result.totals)}`,
    ...issueLines(result),
  ].join('\n');
}
