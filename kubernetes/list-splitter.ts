import type { Json } from '../contracts/json.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { field, isObject, textAt } from '../domain/resource/fields.ts';
import { JsonScanner } from './json-scanner.ts';
import type { RawObject } from './port.ts';

/** A list response, taken apart without being written anew. */
export interface SplitList {
  readonly resourceVersion: string;
  /** '' on the last page. */
  readonly continueToken: string;
  /** How many objects follow this page, where the server says it. */
  readonly remainingItemCount: number | undefined;
  readonly items: readonly RawObject[];
}

/**
 * Takes apart the body of a Kubernetes list: its metadata and the exact bytes of each item, as slices of `body` (which they keep alive).
 * `Unavailable` when the body is cut short or is not a JSON object: another answer may be better.
 */
export function splitList(body: Buffer): SplitList {
  try {
    return split(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HoldfastError(FailureType.Unavailable, `the API server's answer of ${body.length} bytes is cut short or is not a JSON list`, {
      cause: error,
    });
  }
}

function split(body: Buffer): SplitList {
  const scanner = new JsonScanner(body);
  let metadata: Json = null;
  let items: readonly RawObject[] = [];
  for (const key of scanner.objectKeys()) {
    if (key === 'items') items = readItems(body, scanner);
    else {
      const start = scanner.startOfValue();
      const end = scanner.skipValue();
      if (key === 'metadata') metadata = parseLossless(body.toString('utf8', start, end));
    }
  }
  scanner.expectEnd();
  return { ...readMetadata(metadata), items };
}

function readItems(body: Buffer, scanner: JsonScanner): readonly RawObject[] {
  const start = scanner.startOfValue();
  if (!scanner.atArray()) {
    const other = body.toString('utf8', start, scanner.skipValue());
    if (other !== 'null') throw new SyntaxError('items is not an array');
    return [];
  }
  const items: RawObject[] = [];
  for (const from of scanner.arrayElements()) {
    const bytes = body.subarray(from, scanner.skipValue());
    const object = parseLossless(bytes.toString('utf8'));
    if (!isObject(object)) throw new SyntaxError('an item is not an object');
    items.push({ bytes, object });
  }
  return items;
}

function readMetadata(metadata: Json): Omit<SplitList, 'items'> {
  const remaining = field(metadata, 'remainingItemCount');
  return {
    resourceVersion: textAt(metadata, 'resourceVersion'),
    continueToken: textAt(metadata, 'continue'),
    remainingItemCount: typeof remaining === 'number' ? remaining : undefined,
  };
}
