import type { QuiesceTask } from '../contracts/quiesce.ts';
import type { PluginContext } from './plugin.ts';

/** What a process holds for a task: a session with a database. */
export interface Closable {
  close(): void;
}

/**
 * What this process holds, by run and task. Whatever is not renewed for the task's lease is closed: also in a worker that lives on while its
 * workflow was ended by force.
 */
export class Holds<Hold extends Closable> {
  readonly #holds = new Map<string, { readonly hold: Hold; readonly timer: NodeJS.Timeout }>();

  get(task: QuiesceTask, context: Pick<PluginContext, 'run'>): Hold | undefined {
    return this.#holds.get(keyOf(task, context))?.hold;
  }

  set(task: QuiesceTask, context: Pick<PluginContext, 'run'>, hold: Hold): void {
    const key = keyOf(task, context);
    this.drop(task, context);
    const timer = setTimeout(() => {
      this.drop(task, context);
    }, task.leaseSeconds * 1_000);
    timer.unref();
    this.#holds.set(key, { hold, timer });
  }

  renew(task: QuiesceTask, context: Pick<PluginContext, 'run'>): void {
    this.#holds.get(keyOf(task, context))?.timer.refresh();
  }

  /** Closes what is held; nothing when nothing is. */
  drop(task: QuiesceTask, context: Pick<PluginContext, 'run'>): void {
    const key = keyOf(task, context);
    const entry = this.#holds.get(key);
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#holds.delete(key);
    entry.hold.close();
  }
}

function keyOf(task: QuiesceTask, { run }: Pick<PluginContext, 'run'>): string {
  return `${run}\n${task.id}`;
}
