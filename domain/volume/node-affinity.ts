import type { Json, JsonObject } from '../../contracts/json.ts';
import { field, isObject, listAt, objectAt, textAt } from '../resource/fields.ts';
import { matchesLabels, printLabelSelector } from '../selection/label-selector.ts';
import type { Requirement } from '../selection/label-selector-parser.ts';

const OPERATORS: Readonly<Record<string, Requirement['operator']>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!exists',
  Gt: '>',
  Lt: '<',
};

/**
 * May pods with this PersistentVolume run on the node? One term of its required affinity must hold, with all that it says; as in Kubernetes a term
 * that says nothing holds nowhere, and `metadata.name` is the only field there is.
 */
export function canHaveVolume(node: JsonObject, volume: JsonObject): boolean {
  const required = field(volume, 'spec', 'nodeAffinity', 'required');
  return !isObject(required) || listAt(required, 'nodeSelectorTerms').some((term) => holds(term, node));
}

/** Where the volume can be, for people. */
export function describeAffinity(volume: JsonObject): string {
  const terms = listAt(volume, 'spec', 'nodeAffinity', 'required', 'nodeSelectorTerms');
  return terms
    .map((term) => printLabelSelector([...requirements(term, 'matchExpressions'), ...requirements(term, 'matchFields')]))
    .join(' or ');
}

function holds(term: Json, node: JsonObject): boolean {
  const labels = requirements(term, 'matchExpressions');
  const fields = requirements(term, 'matchFields');
  if (labels.length + fields.length === 0) return false;
  return (
    matchesLabels(labels, objectAt(node, 'metadata', 'labels')) &&
    matchesLabels(fields, { 'metadata.name': textAt(node, 'metadata', 'name') })
  );
}

/** An operator that is not known holds nowhere. */
function requirements(term: Json, of: 'matchExpressions' | 'matchFields'): readonly Requirement[] {
  return listAt(term, of).map((expression) => {
    const operator = OPERATORS[textAt(expression, 'operator')];
    const values = listAt(expression, 'values').filter((value) => typeof value === 'string');
    return { key: textAt(expression, 'key'), operator: operator ?? 'in', values: operator === undefined ? [] : values };
  });
}
