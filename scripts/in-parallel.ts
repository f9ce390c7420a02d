import { setTimeout as sleep } from 'node:timers/promises';

/** Does `work` for every item, at most `width` at a time. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lanes = Array.from({ length: Math.min(width, items.length) }, async () => {
    for (const item of queue) await work(item);
  });
  await Promise.all(lanes);
}

/** Asks every `everyMs` until the answer is true; rejects after `patienceMs`, saying what did not happen. */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  { everyMs = 100, patienceMs = 120_000, signal }: { everyMs?: number; patienceMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const endMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited ${patienceMs / 1_000} s in vain: ${what}`);
    await sleep(everyMs, undefined, { signal });
  }
}
