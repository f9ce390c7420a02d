import { createCipheriv, createHash } from 'node:crypto';
import type { ByteRange, LargeSource } from '../../storage/object-store.ts';

const BLOCK = 16;

/** A body that no compression shortens and nobody has to hold: every range of it is computed from the seed. */
export class SeededSource implements LargeSource {
  readonly sizeBytes: number;
  readonly fingerprint: string;
  readBytes = 0;
  readonly #key: Buffer;

  constructor(seed: string, sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#key = createHash('sha256').update(seed).digest();
    this.fingerprint = createHash('sha256')
      .update(`${seed}/${String(sizeBytes)}`)
      .digest('hex');
  }

  read({ offset, length }: ByteRange): Promise<Buffer> {
    this.readBytes += length;
    const counter = Buffer.alloc(BLOCK);
    counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), 8);
    const skipped = offset % BLOCK;
    const stream = createCipheriv('aes-256-ctr', this.#key, counter).update(Buffer.alloc(skipped + length));
    return Promise.resolve(stream.subarray(skipped));
  }
}
