/** One entry of `selection.objects`: `kind[.group]/name` or `namespace/kind[.group]/name`. */
interface ObjectEntry {
  /** As the user wrote it: plural, singular, short name or kind, with or without group. */
  readonly kind: string;
  /** '' when the entry names no namespace: any selected one, or none. */
  readonly namespace: string;
  readonly name: string;
}

/** Never throws: what is missing is ''; `validateSelection` reports it. */
export function parseObjectEntry(entry: string): ObjectEntry {
  const parts = entry.split('/');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 2) return { kind: first, namespace: '', name: second };
  return parts.length === 3 ? { namespace: first, kind: second, name: third } : { kind: '', namespace: '', name: '' };
}

/** What is wrong with an entry, in one line; '' when nothing is. */
export function objectEntryProblem(entry: string): string {
  const { kind, name } = parseObjectEntry(entry);
  if (kind !== '' && name !== '' && !entry.startsWith('/')) return '';
  return `object "${entry}" is not understood: write kind/name, kind.group/name or namespace/kind/name`;
}
