import type { FieldChange } from '../../contracts/git.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { stringifyLossless } from '../json/lossless.ts';
import { differingFields } from '../resource/difference.ts';
import { field, isList } from '../resource/fields.ts';

/** A value in a line for people has so many characters at most. */
const LONGEST = 80;

/** Which fields of an object changed, from what to what. For objects whose values may be shown: not for Secrets. */
export function fieldChanges(before: JsonObject | undefined, after: JsonObject | undefined): readonly FieldChange[] {
  if (before === undefined || after === undefined) return [];
  return differingFields(before, after).map((pointer) => {
    const steps = pointer
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    return { path: pathText(before, after, steps), from: valueText(valueAt(before, steps)), to: valueText(valueAt(after, steps)) };
  });
}

function valueAt(value: Json, steps: readonly string[]): Json | undefined {
  return steps.reduce<Json | undefined>((current, step) => (isList(current) ? current[Number(step)] : field(current, step)), value);
}

/** `spec.containers[0].image`, `metadata.labels["a.b/c"]`. */
function pathText(before: JsonObject, after: JsonObject, steps: readonly string[]): string {
  return steps.reduce((path, step, index) => {
    const parent = steps.slice(0, index);
    if (isList(valueAt(before, parent) ?? valueAt(after, parent))) return `${path}[${step}]`;
    if (!/^[A-Za-z0-9_-]+$/.test(step)) return `${path}[${JSON.stringify(step)}]`;
    return path === '' ? step : `${path}.${step}`;
  }, '');
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return '';
  const text = stringifyLossless(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 4)} ...` : text;
}
