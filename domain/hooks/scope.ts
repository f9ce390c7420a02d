import type { HookScope } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { compileGlobs } from '../selection/glob.ts';
import { matchesLabels, parseLabelSelector } from '../selection/label-selector.ts';

/** True when a rule is for the pods with these labels in the namespace. */
export function inScope(
  { includedNamespaces, excludedNamespaces, labelSelector }: HookScope,
  namespace: string,
  labels: JsonObject,
): boolean {
  return (
    (includedNamespaces.length === 0 || compileGlobs(includedNamespaces)(namespace)) &&
    !compileGlobs(excludedNamespaces)(namespace) &&
    matchesLabels(parseLabelSelector(labelSelector), labels)
  );
}
