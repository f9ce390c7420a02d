import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { RestoredData } from './port.ts';

/** Files that are looked at together. */
const WIDTH = 32;

/**
 * Regular files below a folder and their bytes, each name of one with several counted, other mounted file systems left out: as restic counts
 * what it saves. A file counts as itself. Names need not be UTF-8. Rejects with `ENOENT` when there is nothing at `place`.
 */
export async function countFiles(place: string, signal: AbortSignal): Promise<RestoredData> {
  const root = await lstat(place);
  if (!root.isDirectory()) return { files: root.isFile() ? 1 : 0, bytes: root.isFile() ? root.size : 0 };
  const folders: Buffer[] = [Buffer.from(place)];
  const sum = { files: 0, bytes: 0 };
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal.throwIfAborted();
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
    for (const { path, stat } of await lookAll(folder, entries)) {
      if (stat.isDirectory() && stat.dev === root.dev) folders.push(path);
      if (!stat.isFile()) continue;
      sum.files += 1;
      sum.bytes += stat.size;
    }
  }
  return sum;
}

async function lookAll(folder: Buffer, entries: readonly Dirent<Buffer>[]) {
  const wanted = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  const found: { readonly path: Buffer; readonly stat: Stats }[] = [];
  for (let at = 0; at < wanted.length; at += WIDTH) {
    const paths = wanted.slice(at, at + WIDTH).map(({ name }) => Buffer.concat([folder, Buffer.from('/'), name]));
    found.push(...(await Promise.all(paths.map(async (path) => ({ path, stat: await lstat(path) })))));
  }
  return found;
}
