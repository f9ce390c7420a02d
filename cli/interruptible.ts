import { ExitCode } from './exit-codes.ts';
import { note } from './output/print.ts';

/** Runs work that Ctrl-C and SIGTERM end in an orderly way: `undone` is said then, and the exit code is that of an interruption. */
export async function interruptible(undone: string, work: (signal: AbortSignal) => Promise<void>): Promise<ExitCode> {
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new Error('interrupted'));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await work(stop.signal);
    return ExitCode.Done;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    note(`interrupted: ${undone}`);
    return ExitCode.Interrupted;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
