import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ArchiveProgress, VolumeArchive } from '../../workers/dependencies.ts';
import { clashes, countBelow, inTheWay, placeFiles } from './place-files.ts';

export interface FolderRestore {
  readonly snapshot: string;
  /** Beginning with `/`; `/` alone is all of the volume. */
  readonly paths: readonly string[];
  /** Made when it is not there. */
  readonly folder: string;
  readonly overwrite: boolean;
}

interface Call {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ArchiveProgress) => void;
}

/** Regular files that were restored, and their bytes. */
export interface FilesAndBytes {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Restores parts of a volume at their paths below a folder of this machine. All of it is restored beside its place first, compared with the snapshot's hashes
 * and counted, and then moved: interrupted before that, or with a file in the way (`Conflict`), nothing has changed. Symbolic links below the folder are not followed.
 */
export async function restoreToFolder(
  archive: VolumeArchive,
  request: FolderRestore,
  { signal, onProgress }: Call,
): Promise<FilesAndBytes> {
  const { snapshot, overwrite } = request;
  const paths = withoutNested(request.paths);
  const expected = await countListed(archive, { snapshot, paths }, signal);
  const folder = await targetFolder(request.folder);
  const beside = await mkdtemp(join(folder, '.holdfast-restore-'));
  try {
    const isAll = paths.includes('/');
    await archive.restore({ snapshot, paths: isAll ? [] : paths, folder: beside }, { signal, onProgress });
    // What stands for an empty volume is not listed, and not its content.
    if (isAll) await rm(join(beside, '.holdfast-empty-volume'), { force: true });
    const [from, to] = [Buffer.from(beside), Buffer.from(folder)];
    const found = await countBelow(from);
    if (found.files !== expected.files || found.bytes !== expected.bytes) throw shortfall(found, expected);
    const [clash, ...more] = await clashes(from, to, { overwrite });
    if (clash) throw inTheWay(clash, more.length);
    signal.throwIfAborted();
    await placeFiles(from, to, { overwrite });
    return found;
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function countListed(
  archive: VolumeArchive,
  { snapshot, paths }: Pick<FolderRestore, 'snapshot' | 'paths'>,
  signal: AbortSignal,
): Promise<FilesAndBytes> {
  const sum = { files: 0, bytes: 0 };
  for (const path of paths) {
    await archive.list(
      { snapshot, path },
      {
        signal,
        recursive: true,
        onFile: ({ type, size }) => {
          if (type !== 'file') return;
          sum.files += 1;
          sum.bytes += size;
        },
      },
    );
  }
  return sum;
}

async function targetFolder(given: string): Promise<string> {
  try {
    await mkdir(given, { recursive: true });
    return await realpath(given);
  } catch (error) {
    throw new HoldfastError(FailureType.BadInput, `--to ${given}: ${(error as Error).message.replace(/, .*/, '')}`, {
      advice: 'name a folder that can be written to',
      cause: error,
    });
  }
}

/** What lies below another one comes with it. */
function withoutNested(paths: readonly string[]): readonly string[] {
  const unique = [...new Set(paths)];
  return unique.filter((path) => !unique.some((other) => other !== path && path.startsWith(other === '/' ? '/' : `${other}/`)));
}

function shortfall(found: FilesAndBytes, expected: FilesAndBytes): HoldfastError {
  return new HoldfastError(
    FailureType.Damaged,
    `the snapshot has ${expected.files} files with ${expected.bytes} bytes, ${found.files} files with ${found.bytes} bytes were restored; nothing was put into the folder`,
    { advice: 'see "holdfast repository check --read-data"' },
  );
}
