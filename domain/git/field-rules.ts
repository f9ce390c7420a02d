import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { isList, isObject } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { resolveNames } from '../selection/resource-filter.ts';

/** What the user does not want to see in Git. Kinds are named as in selections. */
export interface ManifestRules {
  readonly ignoreKinds: readonly string[];
  readonly rules: readonly { readonly kinds: readonly string[]; readonly fields: readonly string[] }[];
}

/** A key, `*` for all keys or elements, or the number of an element. */
type Step = { readonly key: string } | { readonly index: number } | 'each';

const STEP = /\.?([A-Za-z0-9_$-][A-Za-z0-9_$/-]*)|\.?(\*)|\[(\*)\]|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]/y;

/** What is wrong with the path of a field, in one line; '' when nothing is. */
export function fieldPathProblem(path: string): string {
  return stepsOf(path) === undefined
    ? `"${path}" is no path such as spec.replicas, spec.containers[*].image or metadata.labels["a.b/c"]`
    : '';
}

/** The rules for one kind, ready to be applied to many objects. Paths that are none are passed over: `fieldPathProblem` reports them. */
export function rulesFor(
  { ignoreKinds, rules }: ManifestRules,
  type: ResourceType,
): { readonly ignored: boolean; readonly apply: (object: JsonObject) => JsonObject } {
  const names = (kinds: readonly string[]): boolean => resolveNames(kinds, [type]).all.has(resourceKey(type));
  const paths = rules
    .filter(({ kinds }) => names(kinds))
    .flatMap(({ fields }) => fields.map(stepsOf).filter((steps) => steps !== undefined));
  return { ignored: names(ignoreKinds), apply: (object) => paths.reduce((current, steps) => dropped(current, steps), object) };
}

function stepsOf(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  const step = new RegExp(STEP);
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (!match) return undefined;
    const [, key, anyKey, anyElement, index, doubleQuoted, quoted] = match;
    if (anyKey ?? anyElement) steps.push('each');
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ key: key ?? doubleQuoted ?? quoted ?? '' });
  }
  return steps.length === 0 ? undefined : steps;
}

function dropped(object: JsonObject, steps: readonly Step[]): JsonObject {
  const changed = without(object, steps);
  return isObject(changed) ? changed : {};
}

/** The value without what the steps lead to; undefined when nothing is left of it. */
function without(value: Json, [step, ...rest]: readonly Step[]): Json | undefined {
  if (step === undefined) return undefined;
  if (isList(value)) {
    const hits = (index: number): boolean => step === 'each' || ('index' in step && step.index === index);
    const kept = value.map((item, index) => (hits(index) ? without(item, rest) : item)).filter((item) => item !== undefined);
    return kept.length === 0 && value.length > 0 ? undefined : kept;
  }
  if (!isObject(value)) return value;
  const hits = (key: string): boolean => step === 'each' || ('key' in step && step.key === key);
  const entries = Object.entries(value);
  const kept = entries.flatMap(([key, item]) => {
    const left = item !== undefined && hits(key) ? without(item, rest) : item;
    return left === undefined ? [] : [[key, left] as const];
  });
  return kept.length === 0 && entries.length > 0 ? undefined : Object.fromEntries(kept);
}
