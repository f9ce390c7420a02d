import type { MoveProgress } from '../contracts/volume.ts';
import type { MoveOptions } from './port.ts';

const BEAT_MS = 1000;

/** Runs `action` and tells its caller every second where it stands, also while nothing moves. When the signal fires, it rejects with its reason. */
export async function withBeat<T>(output: { readonly progress: MoveProgress }, options: MoveOptions, action: () => Promise<T>): Promise<T> {
  const beat = () => {
    options.onProgress(output.progress);
  };
  const timer = setInterval(beat, BEAT_MS);
  try {
    const result = await action();
    beat();
    return result;
  } catch (error) {
    // What was interrupted has errors of its own for that.
    options.signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(timer);
  }
}
