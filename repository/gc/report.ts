import type { Issue } from '../../contracts/outcome.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import type { FileKind } from '../check/report.ts';

export interface GcOptions extends CallOptions {
  /** Milliseconds that a pack without use is kept before it is condemned, and again before it is deleted. */
  readonly graceMs: number;
  /** The caller promises that nobody writes to the repository meanwhile; the grace may be 0 then, and no entry is made in the chain. */
  readonly nobodyWrites: boolean;
  readonly dryRun: boolean;
  readonly onProgress?: (progress: GcProgress) => void;
}

/** How far a collection is. `total` is 0 when it is not known. */
interface GcProgress {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

/**
 * Why bytes are there, or are not any more:
 * `needed`; `partly-needed`: packs of which `unneededBytes` cannot be freed alone; `young`: not needed, and newer than the grace;
 * `condemned`: not needed, and writers know; `spare`: another pack should have what is needed of it, and has not got it right; `locked`: to be deleted when the
 * store's lock has ended; `foreign`: none of ours; `deleted`: by this collection, or with dry run by the next one.
 */
export type Fate = 'needed' | 'partly-needed' | 'young' | 'condemned' | 'spare' | 'locked' | 'foreign' | 'deleted';

/** Objects of one kind with one fate. */
export interface GcRow {
  readonly kind: FileKind;
  readonly fate: Fate;
  readonly objects: number;
  readonly bytes: number;
  /** Bytes in partly needed packs that nothing needs. */
  readonly unneededBytes: number;
  /** ISO-8601: when the first of them may go at the earliest; '' when nobody can say. */
  readonly until: string;
}

/** An object that a lock of the store has kept. */
export interface LockedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO-8601; '' when the store does not say. */
  readonly until: string;
}

export interface GcReport {
  readonly repository: string;
  readonly url: string;
  readonly dryRun: boolean;
  /** ISO-8601, by the store's clock. */
  readonly at: string;
  readonly graceSeconds: number;
  /** Everything that the location held when it began; the rows add up to it. */
  readonly total: { readonly objects: number; readonly bytes: number };
  readonly rows: readonly GcRow[];
  /** Packs that were condemned for the first time, and packs that were taken out again since a backup needs them. */
  readonly newlyCondemned: number;
  readonly acquitted: number;
  /** Mostly dead packs: new backups store afresh what they need of them. */
  readonly sparse: number;
  /** New indexes, lists and entries of the chain. */
  readonly written: { readonly objects: number; readonly bytes: number };
  readonly locked: readonly LockedObject[];
  readonly warnings: readonly Issue[];
}
