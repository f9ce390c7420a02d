import type { DiscoveredType, ResourceType } from '../../contracts/resource.ts';
import { isBuiltinGroup } from '../resource/builtin.ts';
import { resourceKey } from '../resource/identity.ts';
import { BUILTIN_ALL, BUILTIN_SHORT_NAMES } from './builtin-names.ts';
import { compileGlob, isGlob } from './glob.ts';
import { nearest } from './nearest.ts';

/** A kind as discovery or as a backup's manifest knows it (the latter without short names and categories). */
export type NamedType = ResourceType & Partial<Pick<DiscoveredType, 'singular' | 'shortNames' | 'categories'>>;

interface ResolvedNames {
  /** `plural.group` of every kind that the names stand for. */
  readonly all: ReadonlySet<string>;
  /** Those of them that a name without a glob (and not a category) stands for. */
  readonly exact: ReadonlySet<string>;
  /** Names that stand for no kind: one line each, with the nearest names. */
  readonly unknown: readonly string[];
  /** Names that stand for kinds of several groups: one line each, with the names to choose from. */
  readonly ambiguous: readonly string[];
  /** `unknown` and `ambiguous`. */
  readonly problems: readonly string[];
}

/**
 * What the user's names stand for: plural, singular, short name or kind in any case, with or without `.group` or `.version.group`; globs
 * over `plural.group`; categories such as `all`. A plain name means the built-in kind when there is one, as with kubectl. Throws `GlobError`.
 */
export function resolveNames(names: readonly string[], types: readonly NamedType[]): ResolvedNames {
  const all = new Set<string>();
  const exact = new Set<string>();
  const unknown: string[] = [];
  const ambiguous: string[] = [];
  for (const name of names) {
    const found = resolveName(name.toLowerCase(), types);
    for (const type of found.types) {
      all.add(resourceKey(type));
      if (found.exact) exact.add(resourceKey(type));
    }
    if (found.ambiguous) ambiguous.push(`resource "${name}" is ambiguous: write ${found.types.map(resourceKey).sort().join(' or ')}`);
    if (found.types.length === 0) unknown.push(unknownName(name, types));
  }
  return { all, exact, unknown, ambiguous, problems: [...unknown, ...ambiguous] };
}

interface Found {
  readonly types: readonly NamedType[];
  readonly exact: boolean;
  readonly ambiguous: boolean;
}

function resolveName(name: string, types: readonly NamedType[]): Found {
  if (isGlob(name)) return { types: types.filter(globFilter(name)), exact: false, ambiguous: false };
  // A plural wins over another kind's short name, as with kubectl.
  for (const namesOf of [pluralNames, singularNames, shortNames]) {
    const matching = types.filter((type) => isNamed(name, type, namesOf(type)));
    if (matching.length > 0) return choose(matching);
  }
  const inCategory = types.filter((type) => categoriesOf(type).includes(name));
  return { types: inCategory, exact: false, ambiguous: false };
}

function choose(matching: readonly NamedType[]): Found {
  const kinds = new Set(matching.map(resourceKey));
  if (kinds.size <= 1) return { types: matching, exact: true, ambiguous: false };
  const core = matching.filter(({ group }) => group === '');
  const builtin = matching.filter(({ group }) => isBuiltinGroup(group) && group !== 'extensions' && group !== 'events.k8s.io');
  const preferred = [core, builtin].find((some) => new Set(some.map(resourceKey)).size === 1);
  return preferred ? { types: preferred, exact: true, ambiguous: false } : { types: matching, exact: true, ambiguous: true };
}

/** `word`, `word.group` or `word.version.group`. */
function isNamed(name: string, type: NamedType, words: readonly string[]): boolean {
  const { group, version } = type;
  return words.some(
    (word) =>
      name === word ||
      name === `${word}.${group}` ||
      name === `${word}.${version}.${group}` ||
      (group === '' && name === `${word}.${version}`),
  );
}

function globFilter(pattern: string): (type: NamedType) => boolean {
  const glob = compileGlob(pattern);
  const withGroup = pattern.includes('.');
  return (type) => glob(resourceKey(type)) || (!withGroup && glob(type.resource));
}

function pluralNames(type: NamedType): readonly string[] {
  return [type.resource];
}

function singularNames(type: NamedType): readonly string[] {
  return [type.kind.toLowerCase(), ...(type.singular === undefined || type.singular === '' ? [] : [type.singular])];
}

function shortNames(type: NamedType): readonly string[] {
  return [...(type.shortNames ?? []), ...(BUILTIN_SHORT_NAMES.get(resourceKey(type)) ?? [])];
}

function categoriesOf(type: NamedType): readonly string[] {
  return type.categories ?? (BUILTIN_ALL.has(resourceKey(type)) ? ['all'] : []);
}

function unknownName(name: string, types: readonly NamedType[]): string {
  if (isGlob(name)) return `resource "${name}" matches no kind`;
  const known = types.flatMap((type) => [type.resource, resourceKey(type), ...singularNames(type), ...shortNames(type)]);
  const near = nearest(name.toLowerCase(), known);
  return `resource "${name}" is unknown${near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`}`;
}
