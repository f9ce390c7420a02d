import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import { field, textAt } from '../domain/resource/fields.ts';
import { wholeSeconds } from '../domain/time/duration.ts';

/** Chooses a plugin by its name, or `none`; as an annotation or a label of a pod or of its workload. */
const CHOICE = 'holdfast.dev/quiesce';
const ON_ERROR = 'holdfast.dev/quiesce-on-error';
const TIMEOUT = 'holdfast.dev/quiesce-timeout';
const LEASE = 'holdfast.dev/quiesce-lease';

const DEFAULT_TIMEOUT_S = 120;
const DEFAULT_LEASE_S = 60;
/** Less cannot be renewed in time over a busy API server. */
const SHORTEST_LEASE_S = 5;

/** The annotation's value; '' when there is none. */
export function annotation(object: JsonObject, name: string): string {
  return textAt(object, 'metadata', 'annotations', name).trim();
}

/** What the object says about who quiesces it: the name of a plugin, `none`, or '' when it says nothing. */
export function choiceOf(object: JsonObject): string {
  return annotation(object, CHOICE) || textAt(object, 'metadata', 'labels', CHOICE);
}

/** What is common to the tasks of all plugins, from the first of the objects that says it. `BadInput` when it cannot be read. */
export function taskLimits(
  objects: readonly JsonObject[],
  defaults: { readonly timeoutSeconds?: number; readonly onError?: QuiesceTask['onError'] } = {},
): Pick<QuiesceTask, 'timeoutSeconds' | 'leaseSeconds' | 'onError'> {
  const first = (name: string) => objects.find((object) => annotation(object, name) !== '');
  const seconds = (name: string, otherwise: number) => {
    const object = first(name);
    return object ? wholeSeconds(annotation(object, name), describeAnnotation(object, name)) : otherwise;
  };
  const leaseSeconds = seconds(LEASE, DEFAULT_LEASE_S);
  const leaseOf = first(LEASE);
  if (leaseOf && leaseSeconds < SHORTEST_LEASE_S) throw wrongAnnotation(leaseOf, LEASE, `is shorter than ${SHORTEST_LEASE_S} s`);
  const onErrorOf = first(ON_ERROR);
  const onError = onErrorOf ? oneOf(onErrorOf, ON_ERROR, ['report', 'fail', 'continue'] as const) : (defaults.onError ?? 'report');
  return { timeoutSeconds: seconds(TIMEOUT, defaults.timeoutSeconds ?? DEFAULT_TIMEOUT_S), leaseSeconds, onError };
}

/** The annotation's value, which must be one of these words; the first when there is none. `BadInput` otherwise. */
export function oneOf<Word extends string>(object: JsonObject, name: string, words: readonly [Word, ...Word[]]): Word {
  const value = annotation(object, name).toLowerCase();
  const word = value === '' ? words[0] : words.find((candidate) => candidate === value);
  if (word === undefined) throw wrongAnnotation(object, name, `is none of ${words.join(', ')}`);
  return word;
}

/** A `BadInput` that names the object and the annotation. */
export function wrongAnnotation(object: JsonObject, name: string, problem: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${describeAnnotation(object, name)} "${annotation(object, name)}" ${problem}`, {
    advice: 'correct the annotation; docs/plugins.md lists what it may be',
  });
}

function describeAnnotation(object: JsonObject, name: string): string {
  const kind = field(object, 'kind');
  const what = typeof kind === 'string' ? kind.toLowerCase() : 'pod';
  return `${what} ${textAt(object, 'metadata', 'namespace')}/${textAt(object, 'metadata', 'name')}: annotation ${name}`;
}
