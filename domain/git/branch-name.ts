/** A branch for a cluster: its name, with what Git does not allow in a branch written as `%xx`. No two clusters share one. */
export function branchOf(cluster: string): string {
  return allowed(cluster, /[A-Za-z0-9._@+=/-]/);
}

/** What is wrong with a branch that the user names; '' when nothing is. */
export function branchProblem(branch: string): string {
  return branch !== '' && allowed(branch, /[A-Za-z0-9._@+=/%-]/) === branch ? '' : `"${branch}" is no name for a branch`;
}

function allowed(name: string, characters: RegExp): string {
  return Array.from(name)
    .map((character) => (characters.test(character) ? character : percent(character)))
    .join('')
    .replaceAll('@{', '%40{')
    .replaceAll('..', '.%2e')
    .replaceAll('//', '/%2f')
    .replaceAll(/(^|\/)\./g, '$1%2e')
    .replaceAll(/\.lock(?=\/|$)/g, '%2elock')
    .replace(/^[-/]/, percent)
    .replace(/[./]$/, percent)
    .replace(/^@$/, '%40')
    .replace(/^HEAD$/, '%48EAD');
}

function percent(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 128 ? `%${code.toString(16).padStart(2, '0')}` : encodeURIComponent(character).toLowerCase();
}
