import type { Selection } from '../../contracts/selection.ts';
import { compileGlob, GlobError } from './glob.ts';
import { SelectorError } from './label-selector-parser.ts';
import { parseLabelSelector } from './label-selector.ts';
import { objectEntryProblem } from './object-entry.ts';

/** Problems of a selection that can be seen without a cluster, one line each. */
export function validateSelection(selection: Selection): readonly string[] {
  const globs = [
    ...selection.includedNamespaces,
    ...selection.excludedNamespaces,
    ...selection.includedResources,
    ...selection.excludedResources,
  ];
  const empty = globs.some((name) => name.trim() === '')
    ? ['a namespace or resource name is empty: leave it out, or write "*" for all']
    : [];
  const both =
    selection.labelSelector.trim() !== '' && selection.orLabelSelectors.length > 0
      ? ['a label selector and alternative label selectors exclude each other: use one of them']
      : [];
  const emptyAlternative = selection.orLabelSelectors.some((text) => text.trim() === '')
    ? ['an alternative label selector is empty, so it would select everything: leave it out']
    : [];
  return [
    ...empty,
    ...globs.flatMap((glob) => problemOf(() => compileGlob(glob))),
    ...both,
    ...emptyAlternative,
    ...[selection.labelSelector, ...selection.orLabelSelectors].flatMap((text) => problemOf(() => parseLabelSelector(text))),
    ...selection.objects.map(objectEntryProblem).filter((problem) => problem !== ''),
  ];
}

function problemOf(parse: () => unknown): readonly string[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof GlobError || error instanceof SelectorError) return [error.message];
    throw error;
  }
}
