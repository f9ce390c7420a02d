import type { JsonObject } from '../contracts/json.ts';
import { objectAt, textAt } from '../domain/resource/fields.ts';
import { wholeSeconds } from '../domain/time/duration.ts';
import { parseCommand } from './hooks.ts';
import { nameOf } from './pod-containers.ts';

/** A command to be run in a pod once a restore has brought it back. Plain JSON: it goes through Temporal's history. */
export interface RestoreHook {
  readonly namespace: string;
  readonly pod: string;
  /** '' for the pod's first. */
  readonly container: string;
  readonly command: readonly string[];
  /** `fail` makes the restore partially failed. */
  readonly onError: 'fail' | 'continue';
  readonly execSeconds: number;
  /** How long the container may take to run. */
  readonly waitSeconds: number;
  /** Wait until the container is ready, and not only until it runs. */
  readonly waitForReady: boolean;
}

const PREFIX = 'post.hook.restore.velero.io/';
/** Velero's. */
const EXEC_S = 30;
/** Velero waits for ever by default; a restore has to end. */
const WAIT_S = 600;

/**
 * The command that a pod's annotations ask for after a restore, under Velero's names. Values that cannot be read count as absent, as in
 * Velero; undefined without a command.
 */
export function restoreHookOf(pod: JsonObject): RestoreHook | undefined {
  const values = objectAt(pod, 'metadata', 'annotations');
  const command = textAt(values, `${PREFIX}command`);
  if (command === '') return undefined;
  return {
    namespace: textAt(pod, 'metadata', 'namespace'),
    pod: nameOf(pod),
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
