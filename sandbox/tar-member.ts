const BLOCK = 512;

/**
 * The content of one regular file of a tar archive (ustar), chunk by chunk. Every other entry is passed over and nothing is ever written by
 * a name from the archive, so links, absolute names and `../` have no effect. Throws when there is no such file or the archive is cut short.
 */
export async function* readTarMember(archive: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const reader = new BlockReader(archive);
  for (;;) {
    const header = await reader.take(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) throw new Error(`the archive has no file ${name}`);
    const entry = readHeader(header);
    const padding = (BLOCK - (entry.sizeBytes % BLOCK)) % BLOCK;
    const wanted = entry.isFile && entry.name === name;
    for (let left = entry.sizeBytes; left > 0;) {
      const chunk = await reader.takeSome(left);
      if (chunk === undefined) throw new Error(`the archive ends inside ${entry.name}`);
      left -= chunk.length;
      if (wanted) yield chunk;
    }
    if (wanted) return;
    await reader.take(padding);
  }
}

function readHeader(header: Buffer): { readonly name: string; readonly sizeBytes: number; readonly isFile: boolean } {
  const text = (from: number, to: number) => header.subarray(from, to).toString('utf8').replace(/\0.*$/s, '');
  const prefix = text(257, 262) === 'ustar' ? text(345, 500) : '';
  const sizeBytes = Number.parseInt(text(124, 136).trim(), 8);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error('the archive is damaged');
  const type = text(156, 157);
  return { name: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`, sizeBytes, isFile: type === '0' || type === '' };
}

/** Cuts a stream of chunks into pieces of known sizes. */
class BlockReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(archive: AsyncIterable<Buffer>) {
    this.#chunks = archive[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes, or undefined at the end of the stream. */
  async take(bytes: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let left = bytes; left > 0;) {
      const piece = await this.takeSome(left);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** At least one and at most so many bytes, or undefined at the end of the stream. */
  async takeSome(bytes: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
