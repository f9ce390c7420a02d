import type { MovedData, MoveProgress, VolumeSource } from '../contracts/volume.ts';

/**
 * The port to whatever copies volume data between a volume and the restic repository of its cluster. Every method may be called again for
 * the same task after its caller has died: it goes on with the mover that is still running, or starts one that does not send again what the
 * repository already has. Rejects with `HoldfastError`: `NotFound` (no such volume, snapshot or path), `Forbidden`, `BadInput` (wrong
 * password), `Unavailable` (the mover could not run or reach the location), `LocationGone`. When `signal` fires, the mover is ended, and
 * what it had made in the cluster is removed, before the call rejects with the signal's reason.
 */
export interface Mover {
  /** True when this mover can reach the source. */
  reaches(source: VolumeSource): boolean;
  /** Sends everything in the volume to the repository. */
  backup(task: BackupTask, options: MoveOptions): Promise<MovedData>;
  /**
   * Makes the volume equal to the snapshot, or to a part of it: what differs is overwritten and, with `exact`, what the snapshot does not have is deleted.
   */
  restore(task: RestoreTask, options: MoveOptions): Promise<RestoredData>;
  /**
   * Writes over what is in the volume, in the order of `entries`; nothing is deleted that they do not name. Symbolic links in the volume are never
   * followed out of it: `Forbidden`. For volumes of files only.
   */
  putBack(task: PutBackTask, options: MoveOptions): Promise<void>;
}

export interface MoveOptions {
  readonly signal: AbortSignal;
  /** Called about once a second, and at least every three seconds even when nothing moves. */
  readonly onProgress: (progress: MoveProgress) => void;
}

/** How a mover reaches the repository. Never logged, never in arguments: environment and files of the mover only. */
export interface VolumeRepository {
  /** In restic's own syntax: `s3:https://host/bucket/path`, a folder, `gs:`, `azure:`. */
  readonly url: string;
  readonly password: string;
  /** Variables of the mover's environment that hold the store's credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** PEM of the authorities to trust in place of the usual ones; '' for the usual ones. */
  readonly authority: string;
  /** Contents of files, by the variable of the mover's environment that names the file. As secret as the password. */
  readonly files?: Readonly<Record<string, string>>;
  /** Extended options of restic, for example `s3.bucket-lookup`. Not secret: they are arguments. */
  readonly options?: Readonly<Record<string, string>>;
}

interface Task {
  /** Names the mover: the same task has the same id in every attempt, and no other task has it. Letters, digits and `-`, at most 50. */
  readonly id: string;
  readonly source: VolumeSource;
  readonly volumeMode: 'Filesystem' | 'Block';
  readonly repository: VolumeRepository;
  /** The run's id: a label of everything that the mover makes in the cluster. */
  readonly run?: string;
}

/** What is put into a volume, below its root, which is ''. Folders that lack are made. */
export type PutBackEntry =
  /** A small file with mode 0600, of the same owner as the folder that it is in. */
  | { readonly kind: 'file'; readonly path: string; readonly content: string }
  /** A tar of so many bytes, unpacked into the folder `path` with its modes; owners are those of that folder. `content` gives it from the beginning each time. */
  | { readonly kind: 'tar'; readonly path: string; readonly bytes: number; readonly content: () => AsyncIterable<Buffer> }
  /** A file that must not be there; nothing when it is not. */
  | { readonly kind: 'absent'; readonly path: string };

export interface PutBackTask extends Omit<Task, 'repository' | 'volumeMode'> {
  readonly entries: readonly PutBackEntry[];
}

export interface BackupTask extends Task {
  /** `<namespace>/<claim>`: restic's host, by which a capture finds the one before it. */
  readonly host: string;
  /** Name of the backup, as a tag. */
  readonly backup: string;
}

export interface RestoreTask extends Task {
  readonly snapshot: string;
  /** Folder or file inside the snapshot, beginning with `/`; `/` for all. */
  readonly path: string;
  readonly exact: boolean;
  /** Reads everything back and compares it with the snapshot's hashes. */
  readonly checksum: boolean;
}

/** What the volume holds after a restore, or that part of it that was restored, counted as `MovedData` counts. */
export interface RestoredData {
  readonly files: number;
  readonly bytes: number;
}

export interface NodeFilesTask {
  /** As that of every task. */
  readonly id: string;
  readonly run?: string;
  readonly node: string;
  /** By the names that they get at the top of the tar; paths are absolute. */
  readonly folders: Readonly<Record<string, string>>;
}

/** Reads files of the nodes themselves. */
export interface NodeFiles {
  /**
   * A tar of folders of a node, read as it is taken. Rejects with `Unavailable` when no pod can run there, and at the end when something could not be
   * read: whoever takes it must not have finished with it before. Nothing is left in the cluster.
   */
  read(task: NodeFilesTask, signal: AbortSignal): AsyncIterable<Buffer>;
}
