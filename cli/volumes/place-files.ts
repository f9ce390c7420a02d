import type { Dirent, Stats } from 'node:fs';
import { chmod, link, lstat, readdir, rename, unlink } from 'node:fs/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';

/** File systems that know no hard links say so in these ways. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface PlaceOptions {
  /** Replace files that are there. Folders are never replaced. */
  readonly overwrite: boolean;
}

interface Clash {
  readonly path: string;
  readonly why: string;
}

/** Regular files below a folder and their bytes, each name of one with several counted. Names need not be UTF-8. */
export async function countBelow(folder: Buffer): Promise<{ readonly files: number; readonly bytes: number }> {
  const sum = { files: 0, bytes: 0 };
  for (const { path, stat } of await entriesOf(folder)) {
    if (stat.isDirectory()) {
      const below = await countBelow(path);
      sum.files += below.files;
      sum.bytes += below.bytes;
    } else if (stat.isFile()) {
      sum.files += 1;
      sum.bytes += stat.size;
    }
  }
  return sum;
}

/**
 * What is in the way of moving everything below `from` to the same place below `to`: files that are there, unless they may be overwritten, and
 * always folders in the place of files and the other way round. A symbolic link in the place of a folder is in the way, too: it could lead anywhere.
 */
export async function clashes(from: Buffer, to: Buffer, options: PlaceOptions): Promise<readonly Clash[]> {
  const found: Clash[] = [];
  for (const { path, stat, name } of await entriesOf(from)) {
    const target = below(to, name);
    const there = await lstatIfThere(target);
    if (!there) continue;
    const isFolder = stat.isDirectory();
    if (isFolder && there.isDirectory()) found.push(...(await clashes(path, target, options)));
    else if (isFolder || there.isDirectory() || !options.overwrite) found.push({ path: target.toString(), why: describe(there) });
  }
  return found;
}

/**
 * Moves everything below `from`, which is on the same file system, to the same place below `to`; folders that are there stay as they are. Nothing
 * is followed and, without `overwrite`, nothing is replaced, also when it has come since `clashes` looked: then it rejects with `Conflict`.
 */
export async function placeFiles(from: Buffer, to: Buffer, options: PlaceOptions): Promise<void> {
  // Whoever is not root cannot take files out of a folder that was restored read-only.
  await chmod(from, 0o700);
  for (const { path, stat, name } of await entriesOf(from)) {
    const target = below(to, name);
    const there = await lstatIfThere(target);
    if (stat.isDirectory() && there?.isDirectory() === true) await placeFiles(path, target, options);
    else if (there && (stat.isDirectory() || there.isDirectory())) throw inTheWay({ path: target.toString(), why: describe(there) });
    else if (stat.isDirectory() || options.overwrite) await rename(path, target);
    else await moveNew(path, target);
  }
}

/** `Conflict`, with the first of what is in the way. */
export function inTheWay(first: Clash, more = 0): HoldfastError {
  const others = more === 0 ? '' : ` and ${more} more`;
  return new HoldfastError(
    FailureType.Conflict,
    `${JSON.stringify(first.path)}${others}: ${first.why} is in the way; nothing was overwritten`,
    {
      advice: 'restore to another folder, or replace files with --overwrite',
    },
  );
}

/** A link fails where something is; renaming would replace it. */
async function moveNew(path: Buffer, target: Buffer): Promise<void> {
  try {
    await link(path, target);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw inTheWay({ path: target.toString(), why: 'a file that has just come' });
    if (!NO_LINKS.has(code)) throw error;
    await rename(path, target);
    return;
  }
  await unlink(path);
}

async function entriesOf(folder: Buffer) {
  const names = (await readdir(folder, { withFileTypes: true, encoding: 'buffer' })).map(({ name }: Dirent<Buffer>) => name);
  const entries: { readonly name: Buffer; readonly path: Buffer; readonly stat: Stats }[] = [];
  for (const name of names) entries.push({ name, path: below(folder, name), stat: await lstat(below(folder, name)) });
  return entries;
}

async function lstatIfThere(path: Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function describe(there: Stats): string {
  if (there.isSymbolicLink()) return 'a symbolic link, which is not followed,';
  return there.isDirectory() ? 'a folder' : 'a file';
}

function below(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name]);
}
