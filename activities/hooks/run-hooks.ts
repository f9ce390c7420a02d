import { setTimeout as delay } from 'node:timers/promises';
import type { HooksRun, RunHooksInput } from '../../contracts/activities.ts';
import type { HookTarget } from '../../contracts/hook.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { findPods } from './hooked-pods.ts';
import { runRestoreHook, type HookContext } from './run-restore-hook.ts';

const POLL_MS = 1_000;

/** What came of one pod. */
interface PodRun {
  readonly attempted: number;
  readonly failed: number;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

/**
 * Runs the hooks of a target in each of its pods as they appear: the second pod of a StatefulSet may come only when a hook has made the first
 * one ready. A repeated attempt leaves out the pods that the one before had done.
 */
export async function runHooks(cluster: Cluster, { target, serverTime }: RunHooksInput, pulse: Pulse): Promise<HooksRun> {
  const done = new Map<string, PodRun>(isProgress(pulse.resumeFrom) ? pulse.resumeFrom.pods : []);
  const context: HookContext = {
    cluster,
    signal: pulse.signal,
    beat: () => {
      pulse.beat();
    },
  };
  const running = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  const start = (pod: string): void => {
    const run = runInPod(target, pod, context).then(
      (result) => {
        done.set(pod, result);
        pulse.beat({ pods: [...done] } satisfies Progress);
      },
      (error: unknown) => failures.push(error),
    );
    running.set(
      pod,
      run.then(() => undefined),
    );
  };
  const missing = await eachPod({ cluster, target, serverTime, pulse }, (pod) => {
    if (!done.has(pod) && !running.has(pod)) start(pod);
    if (failures.length > 0) throw failures[0];
  });
  await Promise.all(running.values());
  if (failures.length > 0) throw failures[0];
  return summed([...done.values(), ...(missing === 0 ? [] : [lacking(target, missing)])]);
}

interface Progress {
  readonly pods: [string, PodRun][];
}

/** Calls for every pod of the target, each time that it is seen, until all are there or have had their time; how many did not come. */
async function eachPod(
  {
    cluster,
    target,
    serverTime,
    pulse,
  }: { readonly cluster: Cluster; readonly pulse: Pulse } & Pick<RunHooksInput, 'target' | 'serverTime'>,
  onPod: (name: string) => void,
): Promise<number> {
  const deadline = performance.now() + Math.max(...target.hooks.map(({ waitSeconds }) => waitSeconds)) * 1_000;
  for (;;) {
    pulse.beat();
    const { names, expected } = await findPods(cluster, target, { serverTime, signal: pulse.signal });
    names.forEach(onPod);
    if (names.length >= expected) return 0;
    if (performance.now() > deadline) return expected - names.length;
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
}

/** In their order; one that must not fail ends them. */
async function runInPod({ namespace, hooks }: HookTarget, pod: string, context: HookContext): Promise<PodRun> {
  const results: PodRun[] = [];
  for (const hook of hooks) {
    const issue = await runRestoreHook(hook, { namespace, pod }, context);
    if (issue === undefined) results.push({ attempted: 1, failed: 0, warnings: [], errors: [] });
    else if (hook.onError === 'continue') results.push({ attempted: 1, failed: 1, warnings: [issue], errors: [] });
    else {
      results.push({ attempted: 1, failed: 1, warnings: [], errors: [issue] });
      break;
    }
  }
  return summed(results);
}

function lacking({ namespace, kind, name, hooks }: HookTarget, missing: number): PodRun {
  const issue = {
    code: 'RestoreHookFailed',
    message: `restore hooks of ${kind} ${namespace}/${name}: ${missing} of its pods did not come in time`,
    advice: 'run the commands in them by hand',
  };
  const mustNotFail = hooks.some(({ onError }) => onError === 'fail');
  const attempted = missing * hooks.length;
  return { attempted, failed: attempted, warnings: mustNotFail ? [] : [issue], errors: mustNotFail ? [issue] : [] };
}

function summed(runs: readonly PodRun[]): PodRun {
  return {
    attempted: runs.reduce((sum, { attempted }) => sum + attempted, 0),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    warnings: runs.flatMap(({ warnings }) => warnings),
    errors: runs.flatMap(({ errors }) => errors),
  };
}

function isProgress(details: unknown): details is Progress {
  return typeof details === 'object' && details !== null && 'pods' in details && Array.isArray(details.pods);
}
