import type { DiscoveredType, ResourceType } from '../../contracts/resource.ts';
import { ClusterResources } from '../../contracts/selection.ts';
import type { Selection } from '../../contracts/selection.ts';
import { resourceKey } from '../resource/identity.ts';
import { defaultExclusion } from './default-exclusions.ts';
import { compileGlobs, isGlob } from './glob.ts';
import { nearest } from './nearest.ts';
import { parseObjectEntry } from './object-entry.ts';
import { resolveNames } from './resource-filter.ts';

interface ResolvedTypes {
  /** Sorted by `plural.group`. */
  readonly namespaced: readonly ResourceType[];
  readonly clusterScoped: readonly ResourceType[];
  /** Kinds that were left out although no one asked for it, with the reason. */
  readonly excluded: readonly { readonly type: ResourceType; readonly reason: string }[];
  /** Names that stand for no kind, or for several: errors, one line each, with the nearest names. */
  readonly problems: readonly string[];
  /** Excluded names that stand for no kind of this cluster: worth a warning, because nothing is lost. */
  readonly warnings: readonly string[];
}

/** The kinds that a backup of `selection` lists. A kind named explicitly (not by a glob) is taken even when it is excluded by default. */
export function resolveTypes(selection: Selection, discovered: readonly DiscoveredType[]): ResolvedTypes {
  const included = resolveNames(selection.includedResources, discovered);
  const excludedNames = resolveNames(selection.excludedResources, discovered);
  const entries = resolveNames(
    selection.objects.map((entry) => parseObjectEntry(entry).kind),
    discovered,
  );
  const named = new Set([...included.exact, ...entries.exact]);
  const wanted = (type: ResourceType): boolean =>
    (selection.includedResources.length === 0 || included.all.has(resourceKey(type))) &&
    (selection.objects.length === 0 || entries.all.has(resourceKey(type))) &&
    !excludedNames.all.has(resourceKey(type));
  const candidates = discovered.filter((type) => wanted(type) && takesScope(selection, type, named));
  const excluded = candidates.flatMap((type) => {
    const reason = named.has(resourceKey(type)) ? '' : defaultExclusion(type, !namesNamespaces(selection));
    return reason === '' ? [] : [{ type: plain(type), reason }];
  });
  const left = new Set(excluded.map(({ type }) => resourceKey(type)));
  const taken = candidates.filter((type) => !left.has(resourceKey(type))).map(plain);
  taken.sort((a, b) => (resourceKey(a) < resourceKey(b) ? -1 : 1));
  return {
    namespaced: taken.filter((type) => type.namespaced),
    clusterScoped: taken.filter((type) => !type.namespaced),
    excluded,
    problems: [...included.problems, ...entries.problems, ...excludedNames.ambiguous],
    warnings: excludedNames.unknown,
  };
}

interface ResolvedNamespaces {
  /** Sorted. */
  readonly names: readonly string[];
  /** Namespaces that were named (not by a glob) and do not exist: one line each, with the nearest names. */
  readonly missing: readonly string[];
}

/** The namespaces that `selection` stands for, of those that exist. */
export function resolveNamespaces(selection: Selection, existing: readonly string[]): ResolvedNamespaces {
  const takes = namespaceFilter(selection);
  const known = new Set(existing);
  const missing = selection.includedNamespaces.filter((name) => !isGlob(name) && !known.has(name));
  return {
    names: existing.filter(takes).sort(),
    missing: missing.map((name) => {
      const near = nearest(name, existing);
      return `namespace "${name}" does not exist${near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`}`;
    }),
  };
}

/** Whether objects of a namespace may be taken. Throws `GlobError`. */
export function namespaceFilter(selection: Selection): (namespace: string) => boolean {
  const included = compileGlobs(selection.includedNamespaces);
  const excluded = compileGlobs(selection.excludedNamespaces);
  return (namespace) => (selection.includedNamespaces.length === 0 || included(namespace)) && !excluded(namespace);
}

/** True when the selection is about certain namespaces, false when it is about the whole cluster. */
export function namesNamespaces(selection: Selection): boolean {
  return selection.includedNamespaces.length > 0 && !selection.includedNamespaces.includes('*');
}

/**
 * True when a backup takes along, by reference, the cluster-scoped objects that the selected ones need: namespaces, definitions, classes.
 * Whenever the selection is narrowed, since a name, a kind or a label that picks a workload does not pick what it needs.
 */
export function takesRelated(selection: Selection): boolean {
  const { clusterResources, includedResources, objects, labelSelector, orLabelSelectors } = selection;
  const narrowed = includedResources.length > 0 || objects.length > 0 || labelSelector.trim() !== '' || orLabelSelectors.length > 0;
  return clusterResources === ClusterResources.Auto && (narrowed || namesNamespaces(selection));
}

/**
 * Are cluster-scoped kinds listed? With `auto` and named namespaces they come by reference instead, except those that the user names.
 */
function takesScope(selection: Selection, type: ResourceType, named: ReadonlySet<string>): boolean {
  if (type.namespaced || selection.clusterResources === ClusterResources.Include) return true;
  if (selection.clusterResources === ClusterResources.Exclude) return false;
  return !namesNamespaces(selection) || named.has(resourceKey(type));
}

function plain({ group, version, kind, resource, namespaced }: ResourceType): ResourceType {
  return { group, version, kind, resource, namespaced };
}
