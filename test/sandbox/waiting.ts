import { setTimeout as pause } from 'node:timers/promises';

export { pause };

/** Waits until the condition holds; throws when that takes longer than `withinMs`. */
export async function eventually(condition: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`did not happen within ${withinMs} ms: ${condition.toString()}`);
    await pause(50);
  }
}
