import { HoldfastError } from '../contracts/failures.ts';
import type { ByteRange, CallOptions, ObjectStore } from './object-store.ts';

/** The value of an HTTP `Range` header; HTTP has no empty ranges. */
export function rangeHeader(range: ByteRange): string {
  return `bytes=${range.offset}-${range.offset + range.length - 1}`;
}

/** A range of no bytes. */
interface EmptyRead {
  readonly key: string;
  readonly range: ByteRange;
  /** The driver's own failure for an object that is not there. */
  readonly missing: () => HoldfastError;
}

/** HTTP has no empty ranges: the object is looked at instead, for it must be there and long enough. */
export async function readNothing(
  store: Pick<ObjectStore, 'url' | 'stat'>,
  { key, range, missing }: EmptyRead,
  options: CallOptions,
): Promise<Buffer> {
  const found = await store.stat(key, options);
  if (!found) throw missing();
  if (found.sizeBytes < range.offset) throw tooShort(store.url, key, range);
  return Buffer.alloc(0);
}

/** An object that ends before a range of it does: it was cut short, and trying again cannot help. */
export function tooShort(url: string, key: string, range: ByteRange): HoldfastError {
  return new HoldfastError('Damaged', `${url}: ${key} ends before byte ${range.offset + range.length}`, {
    advice: 'the object was cut short',
  });
}

/** Where an answer came from and what it should hold. */
interface Expected {
  readonly url: string;
  readonly key: string;
  readonly range: ByteRange | undefined;
}

/** How many bytes the body of an answer must have: `contentRange` is like `bytes 0-99/1234`, from which it shows whether the object ends early. */
export function expectedLength(
  { url, key, range }: Expected,
  answer: { readonly contentLength: number | undefined; readonly contentRange: string | undefined },
): number | undefined {
  if (!range) return answer.contentLength;
  const total = Number(answer.contentRange?.split('/')[1] ?? Number.NaN);
  if (total < range.offset + range.length) throw tooShort(url, key, range);
  return range.length;
}

/** Never a short buffer: a body that was cut on its way is `Unavailable`. */
export function assertWhole({ url, key }: Expected, body: Buffer, expected: number | undefined): Buffer {
  if (body.length === expected) return body;
  throw new HoldfastError('Unavailable', `${url}: ${key}: got ${body.length} of ${expected ?? 'unknown'} bytes`);
}
