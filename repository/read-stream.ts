import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { KeptStream } from '../contracts/quiesce.ts';
import type { Repository } from './repository.ts';

/**
 * A stream that a plugin has kept, piece by piece, as activities/quiesce/stream-keeper.ts has written it. Rejects with `Damaged` when it is not
 * all there, at the end at the latest: whoever takes it must not have finished with it before.
 */
export async function* readStream(repository: Repository, stream: KeptStream, signal: AbortSignal): AsyncGenerator<Buffer> {
  const document = await repository.readDocument(stream.id, { signal });
  if (!isList(document)) throw damaged(stream, 'its list of pieces cannot be read');
  let bytes = 0;
  for await (const { records } of repository.readSegments(document.segments, { signal })) {
    for (const record of records) {
      bytes += record.length;
      if (bytes > stream.bytes) throw damaged(stream, `it is longer than the ${stream.bytes} bytes that were recorded`);
      yield record;
    }
  }
  if (bytes !== stream.bytes) throw damaged(stream, `${bytes} of ${stream.bytes} bytes are there`);
}

/** The stream of that name. `NotFound` when none was kept under it. */
export function streamNamed(streams: readonly KeptStream[], name: string): KeptStream {
  const stream = streams.find((candidate) => candidate.name === name);
  if (stream) return stream;
  throw new HoldfastError(FailureType.NotFound, `the backup has no stream "${name}"`, {
    advice: 'restore with the version of Holdfast that made the backup, or a newer one',
  });
}

function isList(document: unknown): document is { readonly segments: readonly string[] } {
  if (typeof document !== 'object' || document === null || !('segments' in document)) return false;
  const { segments } = document;
  return Array.isArray(segments) && segments.every((segment) => typeof segment === 'string');
}

function damaged({ name }: KeptStream, problem: string): HoldfastError {
  return new HoldfastError(FailureType.Damaged, `stream "${name}" of the backup: ${problem}`, {
    advice: 'check the location with `holdfast repository check --read-data`, and restore an earlier backup',
  });
}
