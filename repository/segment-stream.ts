import type { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions } from '../storage/object-store.ts';
import type { PackReader } from './pack-reader.ts';
import type { SegmentIndex } from './segment-index.ts';

/** Plain bytes of the segments that are fetched together. Two such windows are in memory: the one being used and the next one. */
const WINDOW_BYTES = 8 * 1024 ** 2;
const WINDOW_SEGMENTS = 4096;

export interface StreamedSegment {
  readonly id: string;
  /** Its plain bytes, or why there are none. */
  readonly plain: Buffer | HoldfastError;
}

/** Plain bytes of segments in the order asked, fetched ahead. Memory does not depend on how many there are. */
export async function* streamSegments(
  parts: { readonly index: Pick<SegmentIndex, 'find'>; readonly reader: PackReader },
  ids: Iterable<string>,
  options: CallOptions,
): AsyncGenerator<StreamedSegment> {
  let ahead: Promise<Map<string, Buffer | HoldfastError>> | undefined;
  let current: readonly string[] = [];
  for (const next of windows(parts.index, ids)) {
    const fetched = fetchWindow(parts.reader, next, options);
    if (ahead) yield* inOrder(current, await ahead);
    ahead = fetched;
    current = next;
  }
  if (ahead) yield* inOrder(current, await ahead);
}

function fetchWindow(reader: PackReader, names: readonly string[], options: CallOptions): Promise<Map<string, Buffer | HoldfastError>> {
  const unique = [...new Set(names)].map((name) => Buffer.from(name, 'hex'));
  const fetched = reader.readMany(unique, options);
  // Reported when its turn comes; a consumer that stops earlier never asks.
  fetched.catch(() => undefined);
  return fetched;
}

function* inOrder(names: readonly string[], fetched: Map<string, Buffer | HoldfastError>): Generator<StreamedSegment> {
  for (const id of names) {
    const plain = fetched.get(id);
    if (plain) yield { id, plain };
  }
}

function* windows(index: Pick<SegmentIndex, 'find'>, ids: Iterable<string>): Generator<string[]> {
  let window: string[] = [];
  let bytes = 0;
  for (const id of ids) {
    const size = index.find(Buffer.from(id, 'hex'))[0]?.plainLength ?? 0;
    if (window.length > 0 && (bytes + size > WINDOW_BYTES || window.length >= WINDOW_SEGMENTS)) {
      yield window;
      window = [];
      bytes = 0;
    }
    window.push(id);
    bytes += size;
  }
  if (window.length > 0) yield window;
}
