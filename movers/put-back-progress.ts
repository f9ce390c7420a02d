import type { MoveProgress } from '../contracts/volume.ts';
import type { PutBackEntry } from './port.ts';

/** How far entries are put back. */
export class PutBackProgress {
  readonly #entries: readonly PutBackEntry[];
  #filesDone = 0;
  #bytesDone = 0;

  constructor(entries: readonly PutBackEntry[]) {
    this.#entries = entries;
  }

  get progress(): MoveProgress {
    const bytesTotal = this.#entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
    return { filesDone: this.#filesDone, filesTotal: this.#entries.length, bytesDone: this.#bytesDone, bytesTotal };
  }

  /** The content of an entry, counted as it is read; empty for what has none. */
  async *contentOf(entry: PutBackEntry): AsyncGenerator<Buffer> {
    if (entry.kind === 'absent') return;
    for await (const chunk of entry.kind === 'file' ? [Buffer.from(entry.content)] : entry.content()) {
      yield chunk;
      this.#bytesDone += chunk.length;
    }
  }

  entryDone(): void {
    this.#filesDone += 1;
  }
}

/** Bytes of an entry's content. */
export function bytesOf(entry: PutBackEntry): number {
  if (entry.kind === 'tar') return entry.bytes;
  return entry.kind === 'file' ? Buffer.byteLength(entry.content) : 0;
}
