import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { RestoreHook } from '../../contracts/hook.ts';
import type { Json } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { field, listAt, textAt } from '../../domain/resource/fields.ts';
import { briefly } from '../../domain/text/briefly.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { PODS } from '../capture/builtin-types.ts';

const POLL_MS = 1_000;

export interface HookContext {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  /** Called at least every second. */
  readonly beat: () => void;
}

export interface HookedPod {
  readonly namespace: string;
  readonly pod: string;
}

/**
 * Waits for the container and runs the command in it. Gives what went wrong, or undefined; whether that is an error of the restore is the
 * hook's `onError`. Rejects with `Unavailable` when trying again can help, and with the signal's reason.
 */
export async function runRestoreHook(hook: RestoreHook, where: HookedPod, context: HookContext): Promise<Issue | undefined> {
  const problem = (await waitForContainer(hook, where, context)) ?? (await runCommand(hook, where, context));
  if (problem === undefined) return undefined;
  return {
    code: 'RestoreHookFailed',
    message: `restore hook of ${where.namespace}/${where.pod}: ${problem}`,
    object: { apiVersion: 'v1', kind: 'Pod', namespace: where.namespace, name: where.pod },
    advice: 'run the command in the pod by hand',
  };
}

async function waitForContainer(
  hook: RestoreHook,
  { namespace, pod: name }: HookedPod,
  { cluster, signal, beat }: HookContext,
): Promise<string | undefined> {
  const deadline = performance.now() + hook.waitSeconds * 1_000;
  for (;;) {
    beat();
    const pod = await cluster.get({ type: PODS, namespace, name }, { signal });
    if (!pod) return 'the pod is gone';
    if (['Succeeded', 'Failed'].includes(textAt(pod.object, 'status', 'phase'))) return 'the pod has ended';
    const container = hook.container || textAt(listAt(pod.object, 'spec', 'containers')[0], 'name');
    if (!listAt(pod.object, 'spec', 'containers').some((one) => textAt(one, 'name') === container))
      return `it has no container "${container}"`;
    if (isThere(hook, container, pod.object)) return undefined;
    if (performance.now() > deadline)
      return `its container did not ${hook.waitForReady ? 'become ready' : 'run'} within ${hook.waitSeconds} s`;
    await sleep(POLL_MS, undefined, { signal });
  }
}

function isThere({ waitForReady }: RestoreHook, container: string, pod: Json): boolean {
  const status = listAt(pod, 'status', 'containerStatuses').find((one) => textAt(one, 'name') === container);
  return field(status, 'state', 'running') !== undefined && (!waitForReady || field(status, 'ready') === true);
}

async function runCommand(hook: RestoreHook, where: HookedPod, { cluster, signal, beat }: HookContext): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(hook.execSeconds * 1_000);
  const timer = setInterval(beat, POLL_MS);
  const { container, command } = hook;
  try {
    const { exitCode, stderr } = await cluster.exec({ ...where, container, command }, { signal: AbortSignal.any([signal, timeout]) });
    if (exitCode === 0) return undefined;
    return `${command[0] ?? ''} ended with exit code ${exitCode}${stderr === '' ? '' : `: ${briefly(stderr)}`}`;
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return `the command did not end within ${hook.execSeconds} s`;
    if (error instanceof HoldfastError && error.type !== FailureType.Unavailable) return error.message;
    throw error;
  } finally {
    clearInterval(timer);
  }
}
