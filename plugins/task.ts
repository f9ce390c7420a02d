import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import { textAt } from '../domain/resource/fields.ts';

/** The pod and container that a task's commands run in, from its settings. */
export interface TaskPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export function placeOf({ namespace, settings }: QuiesceTask): TaskPlace {
  return { namespace, pod: textAt(settings, 'pod'), container: textAt(settings, 'container') };
}

export function taskId(plugin: string, namespace: string, name: string): string {
  return `${plugin}/${namespace}/${name}`;
}

/** `postgres of shop/db-0`, for the beginning of messages. */
export function describeTask({ plugin, namespace, application }: QuiesceTask): string {
  return `${plugin} of ${namespace}/${application}`;
}

/** A failure of the task that trying again does not help; its message begins with the task. */
export function taskFailure(task: QuiesceTask, problem: string, advice: string): HoldfastError {
  return new HoldfastError(FailureType.Conflict, `${describeTask(task)}: ${problem}`, { advice });
}

export function taskWarning(task: QuiesceTask, { code, problem, advice }: { code: string; problem: string; advice: string }): Issue {
  return { code, message: `${describeTask(task)}: ${problem}`, advice };
}
