import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { Json } from '../contracts/json.ts';
import { field, listAt, textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { RestoreHook } from './restore-hooks.ts';
import { briefly } from './task.ts';

const PODS = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true } as const;
const POLL_MS = 1_000;

interface HookContext {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  /** Called at least every second. */
  readonly beat: () => void;
}

/**
 * Waits for the container and runs the command in it. Gives what went wrong, or undefined; whether that is an error of the restore is the
 * hook's `onError`. Rejects with `Unavailable` when trying again can help, and with the signal's reason.
 */
export async function runRestoreHook(hook: RestoreHook, context: HookContext): Promise<Issue | undefined> {
  const problem = (await waitForContainer(hook, context)) ?? (await runCommand(hook, context));
  if (problem === undefined) return undefined;
  return {
    code: 'RestoreHookFailed',
    message: `restore hook of ${hook.namespace}/${hook.pod}: ${problem}`,
    object: { apiVersion: 'v1', kind: 'Pod', namespace: hook.namespace, name: hook.pod },
    advice: 'run the command in the pod by hand',
  };
}

async function waitForContainer(hook: RestoreHook, { cluster, signal, beat }: HookContext): Promise<string | undefined> {
  const deadline = performance.now() + hook.waitSeconds * 1_000;
  for (;;) {
    beat();
    const pod = await cluster.get({ type: PODS, namespace: hook.namespace, name: hook.pod }, { signal });
    if (!pod) return 'the pod is gone';
    if (['Succeeded', 'Failed'].includes(textAt(pod.object, 'status', 'phase'))) return 'the pod has ended';
    if (isThere(hook, pod.object)) return undefined;
    if (performance.now() > deadline)
      return `its container did not ${hook.waitForReady ? 'become ready' : 'run'} within ${hook.waitSeconds} s`;
    await sleep(POLL_MS, undefined, { signal });
  }
}

function isThere({ container, waitForReady }: RestoreHook, pod: Json): boolean {
  const name = container || textAt(listAt(pod, 'spec', 'containers')[0], 'name');
  const status = listAt(pod, 'status', 'containerStatuses').find((one) => textAt(one, 'name') === name);
  return field(status, 'state', 'running') !== undefined && (!waitForReady || field(status, 'ready') === true);
}

async function runCommand(hook: RestoreHook, { cluster, signal, beat }: HookContext): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(hook.execSeconds * 1_000);
  const timer = setInterval(beat, POLL_MS);
  try {
    const { exitCode, stderr } = await cluster.exec(hook, { signal: AbortSignal.any([signal, timeout]) });
    if (exitCode === 0) return undefined;
    return `${hook.command[0] ?? ''} ended with exit code ${exitCode}${stderr === '' ? '' : `: ${briefly(stderr)}`}`;
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return `the command did not end within ${hook.execSeconds} s`;
    if (error instanceof HoldfastError && error.type !== FailureType.Unavailable) return error.message;
    throw error;
  } finally {
    clearInterval(timer);
  }
}
