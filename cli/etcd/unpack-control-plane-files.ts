import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { readTar, type TarEntry } from './read-tar.ts';

/** Certificates, keys and manifests are far below it together. */
const MOST_BYTES = 64 * 1024 * 1024;
const SEGMENT = /^[^/\0]+$/;

export interface UnpackedFiles {
  /** Below the folder, sorted. */
  readonly files: readonly string[];
  /** Links and devices: none is ever made. */
  readonly leftOut: readonly string[];
}

/**
 * Reads the control-plane files of a backup and looks whether they can all be written below a folder: `AlreadyExists` when a file is there, `Forbidden`
 * when a path would leave the folder or leads through a link, `Damaged` when the tar is cut. What it answers with writes them, with their modes, owned by
 * whoever calls, and over nothing that has appeared since.
 */
export async function controlPlaneFilesFor(folder: string, content: AsyncIterable<Buffer>): Promise<() => Promise<UnpackedFiles>> {
  const entries = readTar(await collect(content));
  for (const entry of entries) await refuseUnsafe(folder, entry);
  return () => write(folder, entries);
}

async function write(folder: string, entries: readonly TarEntry[]): Promise<UnpackedFiles> {
  const folders = entries.filter(({ type }) => type === 'folder');
  const files = entries.filter(({ type }) => type === 'file');
  for (const { path } of folders) await mkdir(join(folder, path), { recursive: true, mode: 0o700 });
  for (const { path, mode, content: bytes } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), bytes, { flag: 'wx', mode: 0o600 });
    await chmod(join(folder, path), mode);
  }
  // Last, because one that may not be written to takes no files.
  for (const { path, mode } of folders.toReversed()) await chmod(join(folder, path), mode);
  const leftOut = entries.filter(({ type }) => type === 'other').map(({ path }) => path);
  return { files: files.map(({ path }) => path).sort(), leftOut };
}

async function collect(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      throw new HoldfastError(
        FailureType.Damaged,
        `the control-plane files of the backup are more than ${MOST_BYTES} bytes, which they cannot be`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Also of links, which are not made: one that is named so was made by nobody who means well. */
async function refuseUnsafe(folder: string, { path, type }: TarEntry): Promise<void> {
  const segments = path.replace(/\/$/, '').split('/');
  if (!segments.every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..')) {
    throw new HoldfastError(FailureType.Forbidden, `the control-plane files of the backup have the path ${JSON.stringify(path)}`, {
      advice: 'nothing was written: that path leaves the folder',
    });
  }
  for (let depth = 1; depth <= segments.length; depth += 1) {
    const isLast = depth === segments.length;
    await refuseInTheWay(join(folder, ...segments.slice(0, depth)), isLast && type !== 'folder');
  }
}

async function refuseInTheWay(path: string, isFile: boolean): Promise<void> {
  const there = await lstat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined || (there.isDirectory() && !isFile)) return;
  if (there.isSymbolicLink()) throw new HoldfastError(FailureType.Forbidden, `${path} is a link: nothing was written`);
  throw new HoldfastError(FailureType.AlreadyExists, `${path} is there: nothing was written`, {
    advice: 'give another folder, or move away what is there',
  });
}
