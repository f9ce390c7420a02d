/** Thrown into a call whose time is up; drivers report it as `Unavailable`. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/**
 * Runs one request with a signal that fires when the caller's does or after `timeoutMs`. Nothing stays attached to the caller's signal, which
 * may live as long as the process.
 */
export async function withDeadline<T>(
  outer: AbortSignal | undefined,
  timeoutMs: number,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const forward = (): void => {
    controller.abort(outer?.reason);
  };
  outer?.addEventListener('abort', forward, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new DeadlineExceeded(`no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await request(controller.signal);
  } catch (error) {
    // The SDK replaces the reason by an error of its own.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', forward);
  }
}
