/**
 * The port to the restic repository of one cluster, for whoever reads single files out of it and for upkeep; what moves whole volumes is
 * in port.ts. Rejects with `HoldfastError`: `NotFound` (no such snapshot or path, no repository), `BadInput` (wrong password, not a file), `Forbidden`,
 * `Unavailable` (cannot be reached, or movers are at work for longer than `patienceMs`), `Damaged`, `LocationGone`. When `signal` fires, the
 * process of restic is ended before the call rejects with the signal's reason. Every method may be repeated.
 */
export interface VolumeArchive {
  /** The snapshots that movers have made, whatever names them. Writes nothing. */
  snapshots(options: ArchiveCall): Promise<readonly ArchivedSnapshot[]>;
  /**
   * Gives what is in a folder, or with `recursive` everything below it, in the order of paths; a file gives itself. Targets of symbolic
   * links are known without `recursive` only.
   */
  list(place: ArchivePlace, options: ListOptions): Promise<void>;
  /** The content of one file, piece by piece; the next is read when `onData` is done with the last. `BadInput` for a folder or a link. */
  read(place: ArchivePlace, options: ArchiveCall & { readonly onData: (chunk: Buffer) => void | Promise<void> }): Promise<void>;
  /** Parts of a snapshot, or with no `paths` all of it, at their paths below an empty folder of this machine, and compares them with the snapshot's hashes. */
  restore(parts: ArchiveParts, options: ArchiveCall & { readonly onProgress: (progress: ArchiveProgress) => void }): Promise<void>;
  /** Removes snapshots by their whole ids; those that are gone already are no failure. Their data stays until `prune`. */
  forget(snapshots: readonly string[], options: UpkeepCall): Promise<void>;
  /** Frees the data that no snapshot needs any more, and what killed movers have left. */
  prune(options: UpkeepCall & { readonly repack: boolean }): Promise<void>;
  /** Bytes that the location needs for these snapshots together. Writes nothing. */
  storedBytes(snapshots: readonly string[], options: ArchiveCall): Promise<number>;
  /** Rejects with `Damaged` unless everything is there and, for a share of it, has the right content. */
  check(options: ArchiveCall & { readonly readPercent: number }): Promise<void>;
}

export interface ArchiveCall {
  readonly signal: AbortSignal;
}

export interface UpkeepCall extends ArchiveCall {
  /** How long to wait for movers, whose locks keep others from changing anything. */
  readonly patienceMs: number;
  readonly onProgress: (progress: ArchiveProgress) => void;
}

/** `total` is 0 while it is not known. */
export interface ArchiveProgress {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

export interface ArchivePlace {
  /** 64 hexadecimal digits. */
  readonly snapshot: string;
  /** Beginning with `/`, which alone is the volume's own folder. */
  readonly path: string;
}

export interface ListOptions extends ArchiveCall {
  readonly recursive: boolean;
  readonly onFile: (file: ArchivedFile) => void | Promise<void>;
}

export interface ArchiveParts {
  readonly snapshot: string;
  readonly paths: readonly string[];
  /** Absolute. */
  readonly folder: string;
}

export interface ArchivedSnapshot {
  readonly id: string;
  /** `<namespace>/<claim>`. */
  readonly host: string;
  /** Name of the backup that it was made for; '' when it does not say. */
  readonly backup: string;
  /** ISO-8601, by the clock of the mover. */
  readonly time: string;
}

export interface ArchivedFile {
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'fifo' | 'dev' | 'chardev' | 'other';
  /** As `ls` writes it: `-rw-r--r--`, with `s` and `t` where they belong. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a regular file, else 0. */
  readonly size: number;
  /** ISO-8601, UTC. */
  readonly modifiedAt: string;
  /** Of a symbolic link, when it is known. */
  readonly target?: string;
}
