import type { Selection } from '../../contracts/selection.ts';
import { parseObjectEntry } from './object-entry.ts';
import { resolveNames, type NamedType } from './resource-filter.ts';

/**
 * The selection with every name of a kind replaced by `plural.group`, so that it means the same where short names and categories are not
 * known. Names that stand for no kind are dropped: `resolveTypes` has reported them.
 */
export function canonicalSelection(selection: Selection, types: readonly NamedType[]): Selection {
  const names = (given: readonly string[]): readonly string[] => [...resolveNames(given, types).all].sort();
  const objects = selection.objects.flatMap((entry) => {
    const { kind, namespace, name } = parseObjectEntry(entry);
    return names([kind]).map((key) => (namespace === '' ? `${key}/${name}` : `${namespace}/${key}/${name}`));
  });
  return {
    ...selection,
    includedResources: names(selection.includedResources),
    excludedResources: names(selection.excludedResources),
    objects,
  };
}
