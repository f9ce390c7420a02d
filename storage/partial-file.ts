import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing } from './durable-file.ts';
import { errorCode } from './filesystem-errors.ts';
import type { LargeOptions, LargeSource } from './object-store.ts';

const CHUNK_BYTES = 8 * 1024 * 1024;
/** Also what a writer of a small object left when it was killed. */
const NAME = /^\.(large-[0-9a-f]{32}|tmp-\d+-[0-9a-f]{16})$/;
/** After this long nobody comes back for what was given up. */
const ABANDONED_MS = 7 * 86_400_000;

/** The hidden name of an object's unfinished file: the same for whoever writes the same content under the same key. */
export function partialName(key: string, source: LargeSource): string {
  const identity = JSON.stringify([key, source.fingerprint, source.sizeBytes]);
  return `.large-${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
}

/**
 * Brings a file to the content of the source, durably, keeping what an earlier attempt wrote and is right. Several writers may do this at once:
 * each writes nothing but right bytes at their places and never makes the file shorter than it is to be, so that none harms what another one
 * has published already.
 */
export async function fillPartial(path: string, source: LargeSource, options: LargeOptions): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    const { size } = await file.stat();
    if (size > source.sizeBytes) await file.truncate(source.sizeBytes);
    const before = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, source.sizeBytes));
    for (let offset = 0; offset < source.sizeBytes; offset += CHUNK_BYTES) {
      options.signal?.throwIfAborted();
      const length = Math.min(CHUNK_BYTES, source.sizeBytes - offset);
      const body = await source.read({ offset, length });
      const there = offset < size ? await readAt(file, before.subarray(0, length), offset) : 0;
      // Finding again what is there is no progress yet: the first report tells how much of it was of use.
      if (there === length && before.subarray(0, length).equals(body)) continue;
      await writeAt(file, body, offset);
      options.onProgress?.(offset + length);
    }
    options.signal?.throwIfAborted();
    await file.sync();
    options.onProgress?.(source.sizeBytes);
  } finally {
    await file.close();
  }
}

/** Removes the unfinished files in a folder that nobody has touched for a week. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!NAME.test(name)) continue;
    try {
      const { mtimeMs } = await lstat(join(folder, name));
      if (mtimeMs < Date.now() - ABANDONED_MS) await unlink(join(folder, name)).catch(ignoreMissing);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

async function readAt(file: FileHandle, into: Buffer, offset: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) return done;
    done += bytesRead;
  }
  return done;
}

async function writeAt(file: FileHandle, body: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < body.length) done += (await file.write(body, done, body.length - done, offset + done)).bytesWritten;
}
