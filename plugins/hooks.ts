import type { Json, JsonObject } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { isList, listAt, objectAt, textAt, field } from '../domain/resource/fields.ts';
import { wholeSeconds } from '../domain/time/duration.ts';
import { annotation, oneOf, wrongAnnotation } from './annotations.ts';

/** A command to be run in a pod before or after its capture. */
export interface Hook {
  /** '' for the pod's first. */
  readonly container: string;
  readonly command: readonly string[];
  readonly onError: 'fail' | 'continue';
  readonly timeoutSeconds: number;
}

export type HookPhase = 'pre' | 'post';

/** Velero's. */
export const HOOK_TIMEOUT_S = 30;

/** The hook that a pod's annotations ask for: Holdfast's names first, then Velero's. `BadInput` when ours cannot be read. */
export function annotatedHook(pod: JsonObject, phase: HookPhase): Hook | undefined {
  return ownHook(pod, `holdfast.dev/${phase}-backup-hook-`) ?? veleroHook(pod, phase);
}

/** A task's hooks, read back from its settings. */
export function readHooks(settings: Json | undefined, phase: HookPhase): readonly Hook[] {
  return listAt(settings, phase).map((hook) => ({
    container: textAt(hook, 'container'),
    command: listAt(hook, 'command').filter((word) => typeof word === 'string'),
    onError: textAt(hook, 'onError') === 'continue' ? 'continue' : 'fail',
    timeoutSeconds: Number(field(hook, 'timeoutSeconds')),
  }));
}

function ownHook(pod: JsonObject, prefix: string): Hook | undefined {
  const command = annotation(pod, `${prefix}command`);
  if (command === '') return undefined;
  const timeout = annotation(pod, `${prefix}timeout`);
  const words = parseCommand(command);
  if (command.startsWith('[') && words[0] === command) throw wrongAnnotation(pod, `${prefix}command`, 'is no JSON list of words');
  return {
    container: annotation(pod, `${prefix}container`),
    command: words,
    onError: oneOf(pod, `${prefix}on-error`, ['fail', 'continue']),
    timeoutSeconds: timeout === '' ? HOOK_TIMEOUT_S : wholeSeconds(timeout, `annotation ${prefix}timeout`),
  };
}

/**
 * As Velero reads it (internal/hook/item_hook_handler.go): for `pre` also the names without a phase; values that it cannot read count as
 * absent.
 */
function veleroHook(pod: JsonObject, phase: HookPhase): Hook | undefined {
  return veleroNamed(pod, `${phase}.hook.backup.velero.io/`) ?? (phase === 'pre' ? veleroNamed(pod, 'hook.backup.velero.io/') : undefined);
}

function veleroNamed(pod: JsonObject, prefix: string): Hook | undefined {
  const values = objectAt(pod, 'metadata', 'annotations');
  const command = textAt(values, `${prefix}command`);
  if (command === '') return undefined;
  return {
    container: textAt(values, `${prefix}container`),
    command: parseCommand(command),
    onError: textAt(values, `${prefix}on-error`) === 'Continue' ? 'continue' : 'fail',
    timeoutSeconds: goSeconds(textAt(values, `${prefix}timeout`)),
  };
}

/** A JSON list of strings, or else one word: no shell splits it. */
export function parseCommand(text: string): readonly string[] {
  if (!text.startsWith('[')) return [text];
  try {
    const list = parseLossless(text);
    if (isList(list) && list.every((word) => typeof word === 'string')) return list;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return [text];
}

function goSeconds(text: string): number {
  try {
    return text === '' ? HOOK_TIMEOUT_S : wholeSeconds(text, 'timeout');
  } catch {
    return HOOK_TIMEOUT_S;
  }
}
