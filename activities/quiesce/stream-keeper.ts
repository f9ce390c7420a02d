import type { CapturedResource } from '../../contracts/manifest.ts';
import { STREAMS } from '../../contracts/manifest.ts';
import type { KeptStream, StreamsStored } from '../../contracts/quiesce.ts';
import { addSizes, NO_BYTES } from '../../domain/backup/sizes.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import type { Repository } from '../../repository/repository.ts';

/** Bytes of one segment of a stream. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Streams, such as dumps that plugins hand over and snapshots of etcd, kept in the repository as pieces and a list of them. */
export class StreamKeeper {
  readonly #repository: Repository;
  readonly #namespace: string;
  readonly #signal: AbortSignal;
  readonly #streams = new Map<string, { readonly kept: KeptStream; readonly resource: CapturedResource }>();
  #sizes = NO_BYTES;

  constructor(repository: Repository, namespace: string, signal: AbortSignal) {
    this.#repository = repository;
    this.#namespace = namespace;
    this.#signal = signal;
  }

  /**
   * Stores a stream. It can be read when this has resolved. When the stream breaks, nothing refers to what was stored of it, but the repository
   * knows those pieces: the next attempt does not send them again.
   */
  readonly keep = async (name: string, content: AsyncIterable<Buffer>): Promise<void> => {
    const batch = this.#repository.startBatch({ signal: this.#signal });
    const segments: string[] = [];
    let bytes = 0;
    try {
      for await (const piece of piecesOf(content)) {
        bytes += piece.length;
        segments.push(batch.add([piece]));
        await batch.ready();
      }
    } catch (error) {
      // What broke the stream is what matters, not whether this succeeds as well.
      await batch.finish(this.#signal).catch(() => undefined);
      throw error;
    }
    const id = batch.addDocument({ segments });
    const stored = await batch.finish(this.#signal);
    const { storedBytes, newSegments, knownSegments } = stored;
    this.#sizes = addSizes(this.#sizes, { read: bytes, stored: storedBytes, newSegments, knownSegments });
    const refs = [...segments, id].map((segment) => ({ id: segment, count: 1 }));
    const resource = { type: STREAMS, namespace: this.#namespace, count: refs.length, bytes, segments: refs };
    this.#streams.set(name, { kept: { name, id, bytes }, resource });
  };

  /** Lists what was kept where the backup finds it; nothing kept: nothing written. */
  async finish(): Promise<StreamsStored> {
    const streams = [...this.#streams.values()];
    if (streams.length === 0) return { streams: [], part: '', sizes: NO_BYTES };
    const batch = this.#repository.startBatch({ signal: this.#signal });
    const part = batch.addDocument({ resources: streams.map(({ resource }) => resource), references: mergeReferences([]) });
    await batch.finish(this.#signal);
    return { streams: streams.map(({ kept }) => kept), part, sizes: this.#sizes };
  }
}

/** Each piece is good until the next one is asked for: all are put together in the same memory. */
async function* piecesOf(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let size = 0;
  for await (const chunk of content) {
    for (let taken = 0; taken < chunk.length;) {
      const copied = chunk.copy(piece, size, taken);
      taken += copied;
      size += copied;
      if (size < PIECE_BYTES) continue;
      yield piece;
      size = 0;
    }
  }
  if (size > 0) yield piece.subarray(0, size);
}
