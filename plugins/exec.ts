import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Hook, HookRule } from '../contracts/hook.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import { oneOf, taskLimits } from './annotations.ts';
import { annotatedHook, readHooks, ruledHooks, type HookPhase } from './hooks.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from './plugin.ts';
import { claimMounts, claimsOf, containersOf, isRunning, nameOf } from './pod-containers.ts';
import { forRelease, releaseAfter, runCommand } from './run-command.ts';
import { briefly } from '../domain/text/briefly.ts';
import { taskFailure, taskId, taskWarning } from './task.ts';

const NAME = 'exec';
/** What a hook does is known to whoever wrote it only: nothing is promised that nobody declared. */
const GUARANTEE = 'holdfast.dev/hook-guarantee';

/** Runs commands in pods, before and after: those of annotations, ours and Velero's, else those of `rules`. No lease: docs/plugins/exec.md. */
export function execPlugin(rules: readonly HookRule[] = []): QuiescePlugin {
  const hooksOf = (pod: JsonObject, phase: HookPhase): readonly Hook[] => {
    const own = annotatedHook(pod, phase);
    return own ? [own] : ruledHooks(rules, pod, phase);
  };
  const hasHooks = (pod: JsonObject) => hooksOf(pod, 'pre').length + hooksOf(pod, 'post').length > 0;
  return {
    name: NAME,
    detects: (pod) => isRunning(pod) && hasHooks(pod),
    plan: ({ namespace, pods }) =>
      pods
        .filter((pod) => isRunning(pod) && hasHooks(pod))
        .map((pod) => planPod(namespace, pod, { pre: hooksOf(pod, 'pre'), post: hooksOf(pod, 'post') })),
    quiesce,
    renew: () => Promise.resolve(),
    release: (task, _state, context) => release(task, context),
  };
}

function planPod(namespace: string, pod: JsonObject, hooks: Readonly<Record<HookPhase, readonly Hook[]>>): QuiesceTask {
  const total = (phase: HookPhase) => hooks[phase].reduce((sum, { timeoutSeconds }) => sum + timeoutSeconds, 0);
  return {
    id: taskId(NAME, namespace, nameOf(pod)),
    plugin: NAME,
    namespace,
    application: nameOf(pod),
    settings: { pod: nameOf(pod), container: '', pre: hooks.pre.map(plain), post: hooks.post.map(plain) },
    // As in Velero: what could not be prepared is not captured.
    ...taskLimits([pod], { timeoutSeconds: total('pre') + total('post') + 30, onError: 'fail' }),
    claims: claimsOf(containersOf(pod).flatMap((container) => claimMounts(pod, container))),
    guarantee: oneOf(pod, GUARANTEE, ['none', 'crash', 'file-system', 'application']),
  };
}

/** Runs the commands before; when one fails that must not, those after follow at once. */
async function quiesce(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome> {
  const warnings: Issue[] = [];
  for (const hook of readHooks(task.settings, 'pre')) {
    try {
      const failure = await runHook(task, context, hook);
      if (failure === '') continue;
      if (hook.onError === 'fail') throw taskFailure(task, `the command before the backup failed: ${failure}`, 'run it in the pod by hand');
      warnings.push(hookWarning(task, failure));
    } catch (error) {
      await releaseAfter(error, task, () => release(task, forRelease(context, task.timeoutSeconds)));
    }
  }
  return { state: {}, warnings, ...(warnings.length > 0 ? { broken: true } : {}) };
}

/** Runs every command after, whatever becomes of the others; rejects in the end when one failed that must not. */
async function release(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome> {
  const warnings: Issue[] = [];
  const failures: unknown[] = [];
  for (const hook of readHooks(task.settings, 'post')) {
    const failure = await runHook(task, context, hook).catch((error: unknown) => {
      failures.push(error);
      return '';
    });
    if (failure === '') continue;
    if (hook.onError === 'continue') warnings.push(hookWarning(task, failure));
    else failures.push(taskFailure(task, `the command after the backup failed: ${failure}`, 'run it in the pod by hand'));
  }
  if (failures.length > 0) throw failures[0];
  return { state: {}, warnings };
}

/** What went wrong with the command; '' when nothing did. Rejects when trying again can help, and with the signal's reason. */
async function runHook(task: QuiesceTask, context: PluginContext, hook: Hook): Promise<string> {
  const result = await runCommand(task, context, hook).catch((error: unknown) => {
    context.signal.throwIfAborted();
    if (error instanceof HoldfastError && error.type !== FailureType.Unavailable) return error.message;
    throw error;
  });
  if (typeof result === 'string') return result;
  const { exitCode, stderr } = result;
  return exitCode === 0 ? '' : `${hook.command[0] ?? ''} ended with exit code ${exitCode}${stderr === '' ? '' : `: ${briefly(stderr)}`}`;
}

function hookWarning(task: QuiesceTask, failure: string): Issue {
  return taskWarning(task, { code: 'HookFailed', problem: failure, advice: 'run it in the pod by hand' });
}

function plain({ container, command, onError, timeoutSeconds }: Hook): JsonObject {
  return { container, command, onError, timeoutSeconds };
}
