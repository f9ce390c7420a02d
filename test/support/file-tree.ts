import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Everything that must come back of a folder, by path: kind, rights, owners, times, content. Shares no code with the product. */
export async function treeOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    found[relative(folder, path)] = await describe(path);
  }
  return found;
}

async function describe(path: string): Promise<string> {
  const status = await lstat(path);
  const basics = `${status.mode.toString(8)} ${status.uid}:${status.gid} ${Math.round(status.mtimeMs)}`;
  if (status.isSymbolicLink()) return `${basics} -> ${await readlink(path)}`;
  if (!status.isFile()) return basics;
  const hash = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return `${basics} ${status.size} ${status.nlink} ${hash}`;
}
