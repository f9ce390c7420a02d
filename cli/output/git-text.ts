import type { GitSynced, ObjectHistory, SyncGitResult } from '../../contracts/git.ts';
import { issueLines } from './issue-lines.ts';
import { phase } from './colours.ts';
import { objectText } from './diff-text.ts';
import { count, duration } from './quantities.ts';

/** Characters of a commit's id that people read. */
const SHORT = 12;

/** What a person wants to know right after a sync. */
export function gitSyncText(result: SyncGitResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  return [`${syncedText(result)}, ${phase(result.phase)} in ${duration(took)}`, ...issueLines(result)].join('\n');
}

/** What a remote got. */
export function syncedText({ remote, branch, commit, created, changed, deleted, files }: GitSynced): string {
  const done =
    commit === ''
      ? 'nothing changed, no commit'
      : `commit ${commit.slice(0, SHORT)}: ${count(created)} created, ${count(changed)} changed, ${count(deleted)} deleted`;
  return `sync to "${remote}", branch ${branch}: ${done}; ${count(files)} files`;
}

/** The history of one object, newest first. */
export function gitHistoryText({ object, branch, remote, commits }: ObjectHistory): string {
  const told = commits.flatMap(({ commit, at, author, what, fields }) => [
    `${at}  ${commit.slice(0, SHORT)}  ${what} (${author})`,
    ...fields.map(({ path, from, to }) => `    ${path}: ${changeText(from, to)}`),
  ]);
  return [`${objectText(object)} in "${remote}", branch ${branch}`, ...told].join('\n');
}

function changeText(from: string, to: string): string {
  if (from === '') return `added ${to}`;
  return to === '' ? `removed ${from}` : `${from} → ${to}`;
}
