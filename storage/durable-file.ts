import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, open, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HoldfastError } from '../contracts/failures.ts';
import { errorCode } from './filesystem-errors.ts';
import type { ByteRange } from './object-store.ts';

/** A new file whose content is on the disk when this returns; its name is durable after `syncFolder`. */
export async function writeDurably(path: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(body, signal ? { signal } : {});
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Where links do not exist, the name itself is claimed. A crash in between leaves a short object, which every reader's checks refuse. */
export async function copyExclusively(from: string, path: string): Promise<void> {
  try {
    await copyFile(from, path, constants.COPYFILE_EXCL);
    await syncFile(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') await unlink(path).catch(ignoreMissing);
    throw error;
  }
}

/** Makes the content of a file durable. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The whole file or exactly a range of it; `Damaged` when it ends before. */
export async function readRange(file: FileHandle, range: ByteRange | undefined, where: string): Promise<Buffer> {
  if (!range) return file.readFile();
  const bytes = Buffer.allocUnsafe(range.length);
  let done = 0;
  while (done < range.length) {
    const { bytesRead } = await file.read(bytes, done, range.length - done, range.offset + done);
    if (bytesRead === 0) {
      throw new HoldfastError('Damaged', `${where} ends before byte ${range.offset + range.length}`, {
        advice: 'the object was cut short',
      });
    }
    done += bytesRead;
  }
  return bytes;
}

/** Makes a folder with its parents. Node's own `recursive` never ends in file systems that deny a folder which could be there (procfs). */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || (await exists(dirname(path)))) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems refuse to sync folders; they are durable in their own way.
    if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EBADF'].includes(errorCode(error))) throw error;
  } finally {
    await folder.close();
  }
}

/** For `catch`: a file that is not there needs no removing. */
export function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
