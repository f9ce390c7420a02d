import type { JsonObject } from '../../contracts/json.ts';
import type { CapturedReferences } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { ClusterResources, EXCLUDE_LABELS } from '../../contracts/selection.ts';
import type { Selection } from '../../contracts/selection.ts';
import { field, listAt, objectAt, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { namesNamespaces, namespaceFilter } from './backup-selection.ts';
import { matchesLabels, parseLabelSelector } from './label-selector.ts';
import { parseObjectEntry } from './object-entry.ts';
import { resolveNames } from './resource-filter.ts';
import type { NamedType } from './resource-filter.ts';
import { Verdict } from './verdict.ts';
import type { SelectionMatcher } from './verdict.ts';

/** What a selection is about: the kinds that its names stand for, and facts that `auto` needs when namespaces are named. */
export interface SelectionScope {
  /** Discovered kinds, or the kinds of a backup. */
  readonly types: readonly NamedType[];
  /** What the selected objects point at. Without it, `auto` takes of the cluster-scoped objects only those that name a namespace themselves. */
  readonly references?: CapturedReferences;
  /** Namespaces (as captured) whose objects are taken: a restore takes their Namespace objects along, whatever kinds are selected. */
  readonly namespacesInUse?: ReadonlySet<string>;
}

interface Compiled {
  readonly selection: Selection;
  readonly scope: SelectionScope;
  readonly includedTypes: ReadonlySet<string> | undefined;
  readonly excludedTypes: ReadonlySet<string>;
  readonly namedTypes: ReadonlySet<string>;
  readonly takesNamespace: (namespace: string) => boolean;
  readonly takesLabels: (labels: JsonObject) => boolean;
  readonly entries: readonly { readonly types: ReadonlySet<string>; readonly namespace: string; readonly name: string }[];
}

/** Compiles a selection that `validateSelection` found good. Throws `GlobError` or `SelectorError` otherwise. */
export function compileSelection(selection: Selection, scope: SelectionScope): SelectionMatcher {
  const compiled = compile(selection, scope);
  return {
    takesType: (type) => takesType(compiled, type),
    takesNamespace: (namespace) => namespace === '' || compiled.takesNamespace(namespace),
    takes: (object, type) => takes(compiled, object, type),
    namesObject: (object, type) => isNamed(compiled, object, type),
  };
}

/** The verdict on an object that a backup lists. */
export function acceptObject(matcher: SelectionMatcher, object: JsonObject, type: ResourceType): Verdict {
  if (!matcher.takes(object, type)) return Verdict.NotSelected;
  return intendedExclusion(object) ?? Verdict.Taken;
}

/** Holds for objects that come along by reference, too: their owner keeps them out, or they are on their way out. */
export function intendedExclusion(object: JsonObject): Verdict | undefined {
  const labels = objectAt(object, 'metadata', 'labels');
  if (EXCLUDE_LABELS.some((label) => field(labels, label) === 'true')) return Verdict.ExcludedByLabel;
  return textAt(object, 'metadata', 'deletionTimestamp') === '' ? undefined : Verdict.BeingDeleted;
}

function compile(selection: Selection, scope: SelectionScope): Compiled {
  const included = resolveNames(selection.includedResources, scope.types);
  const selectors = [selection.labelSelector, ...selection.orLabelSelectors].filter((text) => text.trim() !== '').map(parseLabelSelector);
  const entries = selection.objects.map((text) => {
    const { kind, namespace, name } = parseObjectEntry(text);
    return { types: resolveNames([kind], scope.types).all, namespace, name };
  });
  return {
    selection,
    scope,
    includedTypes: selection.includedResources.length === 0 ? undefined : included.all,
    excludedTypes: resolveNames(selection.excludedResources, scope.types).all,
    namedTypes: new Set([...included.exact, ...entries.flatMap(({ types }) => [...types])]),
    takesNamespace: namespaceFilter(selection),
    takesLabels: (labels) => selectors.length === 0 || selectors.some((selector) => matchesLabels(selector, labels)),
    entries,
  };
}

function takesType(compiled: Compiled, type: ResourceType): boolean {
  const key = resourceKey(type);
  if (compiled.excludedTypes.has(key)) return false;
  if (key === 'namespaces' && compiled.scope.namespacesInUse !== undefined) return true;
  if (!type.namespaced && compiled.selection.clusterResources === ClusterResources.Exclude) return false;
  return selectsType(compiled, key);
}

function selectsType({ includedTypes, entries }: Compiled, key: string): boolean {
  if (includedTypes !== undefined && !includedTypes.has(key)) return false;
  return entries.length === 0 || entries.some(({ types }) => types.has(key));
}

function takes(compiled: Compiled, object: JsonObject, type: ResourceType): boolean {
  if (!takesType(compiled, type)) return false;
  if (isNamespace(type) && compiled.scope.namespacesInUse?.has(textAt(object, 'metadata', 'name'))) return true;
  if (isNamespace(type) && compiled.selection.clusterResources === ClusterResources.Exclude) return false;
  if (!selectsType(compiled, resourceKey(type))) return false;
  const labels = objectAt(object, 'metadata', 'labels');
  if (!compiled.takesLabels(labels)) return false;
  if (compiled.entries.length > 0 && !isNamed(compiled, object, type)) return false;
  return type.namespaced ? compiled.takesNamespace(textAt(object, 'metadata', 'namespace')) : takesClusterScoped(compiled, object, type);
}

function takesClusterScoped(compiled: Compiled, object: JsonObject, type: ResourceType): boolean {
  const { selection, takesNamespace, namedTypes } = compiled;
  const name = textAt(object, 'metadata', 'name');
  if (isNamespace(type)) return takesNamespace(name);
  if (selection.clusterResources === ClusterResources.Include || !namesNamespaces(selection)) return true;
  return namedTypes.has(resourceKey(type)) || belongsToNamespaces(compiled, object, type);
}

/** The list of `CapturedReferences` in which a cluster-scoped kind occurs. */
const REFERENCE_LISTS: ReadonlyMap<string, keyof CapturedReferences> = new Map([
  ['clusterroles.rbac.authorization.k8s.io', 'clusterRoles'],
  ['customresourcedefinitions.apiextensions.k8s.io', 'customResourceDefinitions'],
  ['priorityclasses.scheduling.k8s.io', 'priorityClasses'],
  ['storageclasses.storage.k8s.io', 'storageClasses'],
]);

/** `auto` with named namespaces: what the object itself says, and what the selected objects point at. */
function belongsToNamespaces({ takesNamespace, scope }: Compiled, object: JsonObject, type: ResourceType): boolean {
  const key = resourceKey(type);
  if (key === 'persistentvolumes') {
    const namespace = textAt(object, 'spec', 'claimRef', 'namespace');
    return namespace !== '' && takesNamespace(namespace);
  }
  if (key === 'clusterrolebindings.rbac.authorization.k8s.io') return subjectNamespaces(object).some(takesNamespace);
  const list = REFERENCE_LISTS.get(key);
  return list !== undefined && (scope.references?.[list].includes(textAt(object, 'metadata', 'name')) ?? false);
}

/** Namespaces of the service accounts, and of the groups of service accounts, that a binding gives rights to. */
function subjectNamespaces(binding: JsonObject): readonly string[] {
  return listAt(binding, 'subjects').flatMap((subject) => {
    if (textAt(subject, 'kind') === 'ServiceAccount') return [textAt(subject, 'namespace')];
    const group = /^system:serviceaccounts:(.+)$/.exec(textAt(subject, 'name'));
    return group?.[1] === undefined ? [] : [group[1]];
  });
}

function isNamed({ entries }: Compiled, object: JsonObject, type: ResourceType): boolean {
  const key = resourceKey(type);
  const name = textAt(object, 'metadata', 'name');
  const namespace = textAt(object, 'metadata', 'namespace');
  return entries.some((entry) => entry.types.has(key) && entry.name === name && (entry.namespace === '' || entry.namespace === namespace));
}

function isNamespace(type: ResourceType): boolean {
  return resourceKey(type) === 'namespaces';
}
