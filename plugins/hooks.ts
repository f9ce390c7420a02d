import type { Hook, HookRule } from '../contracts/hook.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { parseCommand } from '../domain/hooks/command.ts';
import { inScope } from '../domain/hooks/scope.ts';
import { listAt, objectAt, textAt, field } from '../domain/resource/fields.ts';
import { wholeSeconds } from '../domain/time/duration.ts';
import { annotation, oneOf, wrongAnnotation } from './annotations.ts';

export type HookPhase = 'pre' | 'post';

/** Velero's. */
const HOOK_TIMEOUT_S = 30;

/** The hook that a pod's annotations ask for: Holdfast's names first, then Velero's. `BadInput` when ours cannot be read. */
export function annotatedHook(pod: JsonObject, phase: HookPhase): Hook | undefined {
  return ownHook(pod, `holdfast.dev/${phase}-backup-hook-`) ?? veleroHook(pod, phase);
}

/** The hooks of every rule that is for the pod, in the order of the rules. */
export function ruledHooks(rules: readonly HookRule[], pod: JsonObject, phase: HookPhase): readonly Hook[] {
  const { namespace, labels } = { namespace: textAt(pod, 'metadata', 'namespace'), labels: objectAt(pod, 'metadata', 'labels') };
  return rules.filter((rule) => inScope(rule, namespace, labels)).flatMap((rule) => rule[phase]);
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

function goSeconds(text: string): number {
  try {
    return text === '' ? HOOK_TIMEOUT_S : wholeSeconds(text, 'timeout');
  } catch {
    return HOOK_TIMEOUT_S;
  }
}
