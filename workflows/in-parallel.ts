import { CancellationScope } from '@temporalio/workflow';

/**
 * Runs `work` for every item, at most `width` at a time, in the order of the list. The first failure cancels the rest, waits for them to
 * end and is rethrown: no activity is left running behind a finished workflow.
 */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await CancellationScope.cancellable(async () => {
    const lanes = Array.from({ length: Math.min(width, items.length) }, async () => {
      for (const item of queue) await work(item);
    });
    try {
      await Promise.all(lanes);
    } catch (error) {
      CancellationScope.current().cancel();
      await Promise.allSettled(lanes);
      throw error;
    }
  });
}
