/** Milliseconds that a `Retry-After` header asks to wait: seconds or a date. Undefined when it says nothing of use. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const seconds = Number(header);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return waitMs > 0 ? waitMs : undefined;
}
