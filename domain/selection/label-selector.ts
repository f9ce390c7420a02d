import type { JsonObject } from '../../contracts/json.ts';
import { field } from '../resource/fields.ts';
import { SelectorParser } from './label-selector-parser.ts';
import type { Requirement } from './label-selector-parser.ts';

/**
 * Parses Kubernetes' label selectors: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`, joined by commas.
 * `=` and `!=` are read as sets of one. Empty selects everything. Throws `SelectorError`.
 */
export function parseLabelSelector(text: string): readonly Requirement[] {
  return new SelectorParser(text).parse();
}

/** The canonical text: parsing it gives the same requirements. */
export function printLabelSelector(requirements: readonly Requirement[]): string {
  return requirements.map(printRequirement).join(',');
}

/** True when all requirements hold. As in Kubernetes, `!=` and `notin` also hold when the label is absent. */
export function matchesLabels(requirements: readonly Requirement[], labels: JsonObject): boolean {
  return requirements.every((requirement) => holds(requirement, labels));
}

function holds({ key, operator, values }: Requirement, labels: JsonObject): boolean {
  const value = field(labels, key);
  const present = typeof value === 'string';
  switch (operator) {
    case 'exists':
      return present;
    case '!exists':
      return !present;
    case 'in':
      return present && values.includes(value);
    case 'notin':
      return !present || !values.includes(value);
    case '>':
    case '<':
      return present && compares(value, operator, values[0] ?? '');
  }
}

function compares(value: string, operator: '>' | '<', bound: string): boolean {
  if (!/^-?\d+$/.test(value)) return false;
  return operator === '>' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

function printRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!exists':
      return `!${key}`;
    case '>':
    case '<':
      return `${key}${operator}${values[0] ?? ''}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
  }
}
