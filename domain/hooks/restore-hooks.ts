import type { RestoreHook, RestoreHookRule } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { objectAt, textAt } from '../resource/fields.ts';
import { wholeSeconds } from '../time/duration.ts';
import { parseCommand } from './command.ts';
import { inScope } from './scope.ts';

const PREFIX = 'post.hook.restore.velero.io/';
/** Velero's. */
export const EXEC_S = 30;
/** Velero waits for ever by default; a restore has to end. */
export const WAIT_S = 600;

/**
 * The commands for a pod after a restore: the one that its annotations ask for, else those of every rule that is for it. `metadata` is the
 * pod's or its template's, `namespace` the one that it is restored to. Annotations that cannot be read count as absent, as in Velero.
 */
export function restoreHooksOf(metadata: JsonObject, namespace: string, rules: readonly RestoreHookRule[]): readonly RestoreHook[] {
  const own = annotatedHook(metadata);
  if (own) return [own];
  return rules.filter((rule) => inScope(rule, namespace, objectAt(metadata, 'labels'))).flatMap(({ commands }) => commands);
}

function annotatedHook(metadata: JsonObject): RestoreHook | undefined {
  const values = objectAt(metadata, 'annotations');
  const command = textAt(values, `${PREFIX}command`);
  if (command === '') return undefined;
  return {
    container: textAt(values, `${PREFIX}container`),
    command: parseCommand(command),
    onError: textAt(values, `${PREFIX}on-error`) === 'Fail' ? 'fail' : 'continue',
    execSeconds: seconds(textAt(values, `${PREFIX}exec-timeout`), EXEC_S),
    waitSeconds: seconds(textAt(values, `${PREFIX}wait-timeout`), WAIT_S),
    waitForReady: ['true', '1', 't', 'T', 'TRUE', 'True'].includes(textAt(values, `${PREFIX}wait-for-ready`)),
  };
}

function seconds(text: string, otherwise: number): number {
  try {
    return text === '' ? otherwise : wholeSeconds(text, 'timeout');
  } catch {
    return otherwise;
  }
}
