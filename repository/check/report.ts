import type { Issue } from '../../contracts/outcome.ts';

/**
 * What a finding means for whoever owns the repository:
 * `data`: something that a backup needs, or the proof that nothing is missing, is gone; `spare`: something is wrong, and no backup is
 * the worse for it; `note`: nothing is wrong, but a person may want to know.
 */
export type Severity = 'data' | 'spare' | 'note';

/** One thing that a check has found: what, where, what to do. */
export interface Finding extends Issue {
  readonly severity: Severity;
  /** The stored object concerned; '' when it is about several or about none. */
  readonly key: string;
}

/** Objects of one kind and namespace of a backup that cannot be read. */
export interface AffectedObjects {
  /** `apps/v1` or `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** '' for cluster-scoped kinds; `*` when what is gone is the catalogue that would say. */
  readonly namespace: string;
  readonly count: number;
  /**
   * Their names, as far as they can be told: lists come in the order of names, so they are after the first and before the second, '' for
   * an open end.
   */
  readonly between?: readonly [string, string];
  /** What is the matter, with the stored object that it is about. */
  readonly reason: string;
}

/** What a check says about one recovery point. */
export interface BackupHealth {
  readonly name: string;
  readonly sequence: number;
  /** `whole`: all of it can be restored; `partly`: all but what `affected` lists; `lost`: nothing of it. */
  readonly state: 'whole' | 'partly' | 'lost';
  readonly objects: number;
  readonly affectedObjects: number;
  readonly affected: readonly AffectedObjects[];
}

/** Packs whose content was read and authenticated. */
export interface ReadDataResult {
  /** 0 when only names and sizes were compared. */
  readonly percent: number;
  /** Where in the order of names the sample began: the same seed over the same packs reads the same ones. '' without a sample. */
  readonly seed: string;
  readonly packs: number;
  readonly bytes: number;
  readonly segments: number;
}

/** How many objects of each kind of file a location holds, and their bytes. */
export type FileKind = 'config' | 'keys' | 'packs' | 'indexes' | 'manifests' | 'records' | 'condemned' | 'volumes' | 'foreign';
export type FileTotals = Readonly<Record<FileKind, { readonly objects: number; readonly bytes: number }>>;

export interface CheckReport {
  readonly repository: string;
  readonly url: string;
  /** `sound`: nothing is wrong; `blemished`: only findings of severity `spare`; `damaged`: findings of severity `data`. */
  readonly state: 'sound' | 'blemished' | 'damaged';
  readonly startedAt: string;
  readonly completedAt: string;
  readonly files: FileTotals;
  readonly readData: ReadDataResult;
  readonly findings: readonly Finding[];
  /** Oldest first. */
  readonly backups: readonly BackupHealth[];
}

/** How far a check is. */
interface CheckProgress {
  readonly step: string;
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
}

export type OnProgress = (progress: CheckProgress) => void;
