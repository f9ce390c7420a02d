import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, type ZstdOptions } from 'node:zlib';

/** Room for what a compressor gives at once; the result does not depend on it. Node's own 16 KiB means hundreds of turns for a large segment. */
const CHUNK_BYTES = 256 * 1024;

const inPool = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);

/** zstd, at levels 1 to 19. */
export function compress(plain: Uint8Array, level: number): Buffer {
  return zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** The same bytes, made in a thread of libuv's pool while this one goes on. */
export function compressAside(plain: Uint8Array, level: number): Promise<Buffer> {
  // The size is part of the frame. The synchronous one knows it from the beginning, this one is to be told.
  return inPool(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    chunkSize: CHUNK_BYTES,
    pledgedSrcSize: plain.byteLength,
  });
}
