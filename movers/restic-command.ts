import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { BackupTask, RestoreTask, VolumeRepository } from './port.ts';

/*
 * restic's arguments. They hold no secret: every process of the machine can read them. Password, credentials and the repository's address
 * are in the environment, see restic-environment.ts.
 */

/** What every command of one repository has in common. */
export interface CommandContext {
  readonly repository: Pick<VolumeRepository, 'options'>;
  /**
   * restic's cache: encrypted pieces of indexes and folders. Without one each folder of the snapshot before is a request of its own, so a
   * mover whose scratch is empty is faster with it, too.
   */
  readonly cacheFolder: string;
}

/** Only prune is exclusive; as long as it takes, movers wait, and then fail as `Unavailable`. */
const LOCK_PATIENCE = '5m';
/** The one file in the snapshot of a block device. */
const IMAGE_NAME = 'volume.img';

const OWN_TAG = 'holdfast';

export function initArguments(context: CommandContext): readonly string[] {
  return ['init', ...common(context)];
}

/** Reads the repository's configuration: the cheapest command that needs repository and password. */
export function configArguments(context: CommandContext): readonly string[] {
  return ['cat', 'config', ...common(context)];
}

/** The working directory. */
export const EVERYTHING = ['.'];
/** restic makes no snapshot of nothing, and no file of nothing: an empty volume is a file with a word in it, which is removed after a restore. */
export const EMPTY_NAME = '.holdfast-empty-volume';
export const NOTHING = ['--stdin-filename', EMPTY_NAME, '--stdin-from-command', '--', 'echo', 'empty'];

/** Mode and owners of the volume's own folder, which is not in its snapshot: `<octal mode>:<uid>:<gid>`. */
export const ROOT_TAG = 'root=';

/**
 * Sends the working directory (with `EVERYTHING` or, when there is nothing in it, `NOTHING` behind), so that paths in the snapshot begin at the volume and not where it happens to be mounted, or a block device
 * at `device`. The snapshot before is found by host alone, for the same reason. Everything restic knows is kept: owners, modes, times,
 * extended attributes, hard links, holes, FIFOs and devices; other file systems mounted inside are left out.
 */
export function backupArguments(task: BackupTask, context: CommandContext & { readonly device: string }): readonly string[] {
  const shared = ['backup', ...common(context), '--host', task.host, '--tag', OWN_TAG, '--tag', `backup=${task.backup}`];
  const grouped = [...shared, '--group-by', 'host'];
  if (task.volumeMode === 'Filesystem') return [...grouped, '--one-file-system'];
  // By a command, because a device that cannot be read then fails the backup, and does not make it shorter.
  return [...grouped, '--stdin-filename', IMAGE_NAME, '--stdin-from-command', '--', 'cat', context.device];
}

/**
 * Into the working directory, or onto a block device at `device`. What is there already and is the same is not written again. Rejects with `BadInput`
 * where restic cannot compare what it has written.
 */
export function restoreArguments(task: RestoreTask, context: CommandContext & { readonly device: string }): readonly string[] {
  if (task.volumeMode === 'Block') {
    if (!task.checksum) return dumpArguments(task.snapshot, `/${IMAGE_NAME}`, { ...context, target: context.device });
    const advice = 'restore it without comparing, and check what is on it with its own tools';
    throw new HoldfastError(FailureType.BadInput, 'a block device cannot be compared with its snapshot after the restore', { advice });
  }
  const part = task.path === '/' ? [] : ['--include', literally(task.path)];
  return [
    'restore',
    task.snapshot,
    ...common(context),
    ...['--target', '.', '--sparse', ...part],
    ...(task.exact ? ['--delete'] : []),
    ...(task.checksum ? ['--verify'] : []),
  ];
}

/** What is in a folder of a snapshot, or with `recursive` everything below it: a line of JSON each, the folder itself first. */
export function lsArguments(snapshot: string, path: string, context: CommandContext & { readonly recursive: boolean }): readonly string[] {
  return ['ls', snapshot, path, ...(context.recursive ? ['--recursive'] : []), ...common(context)];
}

/** One folder of a snapshot as restic stores it: also where symbolic links point, which `ls` does not say. */
export function treeArguments(snapshot: string, path: string, context: CommandContext): readonly string[] {
  return ['cat', 'tree', path === '/' ? snapshot : `${snapshot}:${path}`, ...common(context)];
}

/** Parts of a snapshot, or with none all of it, into a folder of this machine, compared with the snapshot's hashes afterwards. */
export function restorePartsArguments(
  { snapshot, paths, folder }: { readonly snapshot: string; readonly paths: readonly string[]; readonly folder: string },
  context: CommandContext,
): readonly string[] {
  const parts = paths.flatMap((path) => ['--include', literally(path)]);
  return ['restore', snapshot, ...common(context), '--target', folder, '--sparse', '--verify', ...parts];
}

/** A file of a snapshot, or a folder as tar, to the output or to a file or device. */
export function dumpArguments(snapshot: string, path: string, context: CommandContext & { readonly target?: string }): readonly string[] {
  const { target } = context;
  return ['dump', snapshot, path, ...common(context), ...(target === undefined ? [] : ['--target', target])];
}

/** Snapshots of ours: of one id, or of all hosts. Writes nothing, not even a lock. */
export function snapshotsArguments(context: CommandContext & { readonly snapshot?: string }): readonly string[] {
  const { snapshot } = context;
  return ['snapshots', '--no-lock', ...common(context), '--tag', OWN_TAG, ...(snapshot === undefined ? [] : [snapshot])];
}

/** Removes snapshots, not their data. restic needs the repository for itself, and fails at once when it is not alone. */
export function forgetArguments(snapshots: readonly string[], context: CommandContext): readonly string[] {
  return ['forget', ...common(context, '0s'), ...snapshots];
}

/**
 * Removes data that no snapshot needs, and what a killed mover left; fails at once when restic is not alone. Without `repack` only whole packs go: those of which
 * something is needed stay as they are.
 */
export function pruneArguments(context: CommandContext & { readonly repack: boolean }): readonly string[] {
  return ['prune', ...common(context, '0s'), ...(context.repack ? [] : ['--max-repack-size', '0'])];
}

/** Proves that everything is there that the snapshots need; reads the content of a share of it, in percent. Writes nothing, not even a lock. */
export function checkArguments(context: CommandContext & { readonly readPercent: number }): readonly string[] {
  const { readPercent } = context;
  const read = readPercent >= 100 ? ['--read-data'] : readPercent > 0 ? [`--read-data-subset=${readPercent}%`] : [];
  return ['check', '--no-lock', ...common(context), ...read];
}

/** Bytes in the location that snapshots share or have alone; writes nothing, not even a lock. */
export function statsArguments(snapshots: readonly string[], context: CommandContext): readonly string[] {
  return ['stats', '--mode', 'raw-data', '--no-lock', ...common(context), ...snapshots];
}

/** Removes locks whose process is known to be dead: on this machine, or not renewed for half an hour. */
export function unlockArguments(context: CommandContext): readonly string[] {
  return ['unlock', ...common(context)];
}

/** Finds data that a killed mover had sent but not written into an index. Fails at once when another mover is at work. */
export function repairIndexArguments(context: CommandContext): readonly string[] {
  return ['repair', 'index', ...common(context, '0s')];
}

export function optionArguments({ options = {} }: CommandContext['repository']): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function common({ repository, cacheFolder }: CommandContext, patience = LOCK_PATIENCE): readonly string[] {
  return ['--json', '--retry-lock', patience, '--cache-dir', cacheFolder, '--cleanup-cache', ...optionArguments(repository)];
}

/** restic takes patterns: what is special in them stands for itself. */
function literally(path: string): string {
  return path.replace(/\/+$/, '').replace(/[\\*?[\]]/g, '\\$&');
}
