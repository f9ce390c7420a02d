import type { ExecResult } from '../kubernetes/port.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import type { PluginContext } from './plugin.ts';
import { describeTask, placeOf, taskFailure } from './task.ts';

/** Often enough for a heartbeat every three seconds. */
const BEAT_MS = 2_000;

export interface PodCommand {
  readonly command: readonly string[];
  readonly timeoutSeconds: number;
  /** In place of the task's own. */
  readonly container?: string;
}

/**
 * Runs a command in the task's pod. Its exit code is a result. Rejects as `Cluster.exec` does, with `Conflict` when the command does not end in
 * time (it may run on), and with the signal's reason.
 */
export async function runCommand(task: QuiesceTask, context: PluginContext, command: PodCommand): Promise<ExecResult> {
  const place = placeOf(task);
  const request = { ...place, container: command.container ?? place.container, command: command.command };
  return within(context, { task, seconds: command.timeoutSeconds, what: 'a command' }, ({ cluster, signal }) =>
    cluster.exec(request, { signal }),
  );
}

/** Does work with a signal that ends it after a time, with `Conflict`, and says meanwhile that the plugin is at work. */
export async function within<Context extends Pick<PluginContext, 'signal' | 'beat'>, Value>(
  context: Context,
  limit: { readonly task: QuiesceTask; readonly seconds: number; readonly what: string },
  work: (limited: Context) => Promise<Value>,
): Promise<Value> {
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    const advice = 'look what it waits for in the pod, or allow it more time by annotation';
    timeout.abort(taskFailure(limit.task, `${limit.what} did not end within ${limit.seconds} s`, advice));
  }, limit.seconds * 1_000);
  try {
    return await beating(context, () => work({ ...context, signal: AbortSignal.any([context.signal, timeout.signal]) }));
  } finally {
    clearTimeout(timer);
  }
}

/** Says that the plugin is at work while something lasts. */
async function beating<Value>({ beat }: Pick<PluginContext, 'beat'>, work: () => Promise<Value>): Promise<Value> {
  beat();
  const timer = setInterval(beat, BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** For letting go of what was begun although the signal says stop: the same context with time of its own. */
export function forRelease(context: PluginContext, seconds: number): PluginContext {
  return { ...context, signal: AbortSignal.timeout(seconds * 1_000) };
}

/** Lets go after a failure. What that meets in turn is added to the failure's message, never in its place. */
export async function releaseAfter(failure: unknown, task: QuiesceTask, release: () => Promise<unknown>): Promise<never> {
  try {
    await release();
  } catch (second) {
    const [first, also] = [failure, second].map((error) => (error instanceof Error ? error.message : String(error)));
    throw taskFailure(task, `${first ?? ''}; and it could not be released: ${also ?? ''}`, `look at ${describeTask(task)} yourself`);
  }
  throw failure;
}
