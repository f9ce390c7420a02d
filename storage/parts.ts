import type { ByteRange, LargeSource } from './object-store.ts';

const MIB = 1024 * 1024;
/** Parts in memory at once; together with their size this bounds what one large object takes. */
const AT_ONCE = 4;

export interface Part {
  readonly index: number;
  readonly range: ByteRange;
}

/** Cuts a body into parts of `smallestBytes`, or of more whole MiB where there would be too many. The same size is always cut the same way. */
export function planParts(sizeBytes: number, limits: { readonly smallestBytes: number; readonly mostParts: number }): readonly Part[] {
  const least = Math.ceil(sizeBytes / limits.mostParts / MIB) * MIB;
  const partBytes = Math.max(limits.smallestBytes, least);
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => {
    const offset = index * partBytes;
    return { index, range: { offset, length: Math.min(partBytes, sizeBytes - offset) } };
  });
}

interface PartSending {
  readonly source: LargeSource;
  readonly parts: readonly Part[];
  /** Indexes of the parts that the store has already. */
  readonly present: ReadonlySet<number>;
  readonly send: (part: Part, body: Uint8Array, signal: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((sentBytes: number) => void) | undefined;
}

/** Sends the parts that are missing, a few at a time. After the first failure no other begins, and none is under way when this rejects. */
export async function sendMissingParts(sending: PartSending): Promise<void> {
  const { source, parts, present, send, onProgress } = sending;
  const failure = new AbortController();
  const signal = sending.signal ? AbortSignal.any([sending.signal, failure.signal]) : failure.signal;
  let sentBytes = parts.reduce((sum, { index, range }) => sum + (present.has(index) ? range.length : 0), 0);
  if (sentBytes > 0) onProgress?.(sentBytes);
  const waiting = parts.filter(({ index }) => !present.has(index)).values();
  const work = async (): Promise<void> => {
    for (const part of waiting) {
      signal.throwIfAborted();
      await send(part, await source.read(part.range), signal);
      sentBytes += part.range.length;
      onProgress?.(sentBytes);
    }
  };
  const workers = Array.from({ length: AT_ONCE }, () =>
    work().catch((error: unknown) => {
      failure.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  sending.signal?.throwIfAborted();
  if (failure.signal.aborted) throw failure.signal.reason;
}
