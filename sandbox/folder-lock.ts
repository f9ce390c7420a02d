import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { errorCode } from './error-code.ts';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when somebody else holds the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs `work` while no other process does so under the same path. A holder that was killed is taken over after 10 s. The lock orders work,
 * it does not make it safe: what is done under it is put in place atomically, so that a holder whose machine slept for a while harms nobody.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release().catch(ignoreLostLock);
  }
}

async function acquire(path: string, options: LockOptions): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await lockfile.lock(path, {
        lockfilePath: path,
        realpath: false,
        stale: 10_000,
        update: 2_000,
        onCompromised: ignoreLostLock,
      });
    } catch (error) {
      if (errorCode(error) !== 'ELOCKED') throw error;
    }
    if (attempt === 0) options.onWait?.();
    await sleep(200, undefined, { signal: options.signal });
  }
}

function ignoreLostLock(): void {
  // See withLock: losing the lock is harmless.
}
