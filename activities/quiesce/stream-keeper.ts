import type { CapturedResource } from '../../contracts/manifest.ts';
import { STREAMS } from '../../contracts/manifest.ts';
import type { KeptStream, StreamsStored } from '../../contracts/quiesce.ts';
import { addSizes, NO_BYTES } from '../../domain/backup/sizes.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import type { Repository } from '../../repository/repository.ts';

/** Bytes of one segment of a stream. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Streams that plugins hand over, kept in the repository as pieces and a list of them. */
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

  /** Stores a stream. It can be read when this has resolved; when the stream breaks, nothing refers to what was stored of it. */
  readonly keep = async (name: string, content: AsyncIterable<Buffer>): Promise<void> => {
    const batch = this.#repository.startBatch({ signal: this.#signal });
    const segments: string[] = [];
    let bytes = 0;
    for await (const piece of piecesOf(content)) {
      bytes += piece.length;
      segments.push(batch.add([piece]));
      await batch.ready();
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

async function* piecesOf(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    let rest = chunk;
    while (size + rest.length >= PIECE_BYTES) {
      const end = PIECE_BYTES - size;
      yield Buffer.concat([...pending, rest.subarray(0, end)]);
      rest = rest.subarray(end);
      [pending, size] = [[], 0];
    }
    if (rest.length > 0) pending.push(Buffer.from(rest));
    size += rest.length;
  }
  if (size > 0) yield Buffer.concat(pending);
}
