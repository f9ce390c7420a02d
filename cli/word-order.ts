const NOUNS = new Map(
  Object.entries({
    backup: 'backup',
    backups: 'backup',
    restore: 'restore',
    restores: 'restore',
    location: 'location',
    locations: 'location',
    'backup-location': 'location',
    'backup-locations': 'location',
    repository: 'repository',
    repositories: 'repository',
    volume: 'volume',
    volumes: 'volume',
  }),
);
const VERBS = new Set(['plan', 'create', 'get', 'describe', 'logs', 'diff', 'delete', 'add', 'check', 'init', 'stats']);

/** Velero's two word orders are one: `get backups x` is `backup get x`. Plural nouns are the singular ones. */
export function nounFirst(words: readonly string[]): readonly string[] {
  const [first = '', second = '', ...rest] = words;
  const noun = NOUNS.get(second);
  if (VERBS.has(first) && noun !== undefined) return [noun, first, ...rest];
  return words.length === 0 ? words : [NOUNS.get(first) ?? first, ...words.slice(1)];
}
