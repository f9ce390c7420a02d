import type { Json } from '../../contracts/json.ts';
import { listAt, objectAt, textAt } from '../resource/fields.ts';

/** A selector as objects have it (`matchLabels`, `matchExpressions`), as the text that the API server takes; '' selects everything. */
export function selectorText(selector: Json | undefined): string {
  const labels = objectAt(selector, 'matchLabels');
  const equal = Object.keys(labels).map((key) => `${key}=${textAt(labels, key)}`);
  const sets = listAt(selector, 'matchExpressions').map((expression) => {
    const key = textAt(expression, 'key');
    const operator = textAt(expression, 'operator');
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    const values = listAt(expression, 'values').filter((value) => typeof value === 'string');
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...equal, ...sets].join(',');
}
