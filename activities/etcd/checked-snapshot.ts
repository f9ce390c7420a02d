import { createHash } from 'node:crypto';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';

/** etcd puts the SHA-256 of the database behind it. */
const TRAILER_BYTES = 32;

/** Passes a snapshot on while it checks it. `sha256` is there when it has been read to its end. */
export class CheckedSnapshot {
  readonly #content: AsyncIterable<Buffer>;
  readonly #source: string;
  sha256 = '';

  /** `source`: where it comes from, for the message. */
  constructor(content: AsyncIterable<Buffer>, source: string) {
    this.#content = content;
    this.#source = source;
  }

  /** Rejects with `Damaged` at the end when the trailer is not the hash of what came before: cut short, or changed on the way. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let last: Buffer = Buffer.alloc(0);
    for await (const chunk of this.#content) {
      // What may be the trailer is held back: so much of what was held back before, and so much of this, is not.
      const beyond = last.length + chunk.length - TRAILER_BYTES;
      hash.update(last.subarray(0, Math.max(0, beyond)));
      hash.update(chunk.subarray(0, Math.max(0, chunk.length - TRAILER_BYTES)));
      last = Buffer.concat([last.subarray(Math.max(0, beyond)), chunk.subarray(-TRAILER_BYTES)]);
      yield chunk;
    }
    const sha256 = hash.digest();
    if (!sha256.equals(last)) {
      throw new HoldfastError(
        FailureType.Damaged,
        `${this.#source}: the snapshot does not match its own SHA-256: it is cut short or was changed`,
      );
    }
    this.sha256 = sha256.toString('hex');
  }
}
