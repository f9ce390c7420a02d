/** A snapshot of a volume that a collection has forgotten, or with a dry run would. */
interface ForgottenSnapshot {
  readonly snapshot: string;
  /** `<namespace>/<claim>`. */
  readonly volume: string;
  /** Name of the backup that it was made for; '' when it does not say. */
  readonly backup: string;
  /** ISO-8601, by the clock of the mover. */
  readonly time: string;
}

/** What a collection did, or with a dry run would do, about the volumes of one cluster. */
export interface VolumesGcReport {
  /** uid of the cluster. */
  readonly cluster: string;
  /** Snapshots that stay: needed by a backup, younger than the grace, locked by the store, none of ours. */
  readonly needed: number;
  readonly young: number;
  readonly locked: number;
  readonly foreign: number;
  /** ISO-8601: when the first of the locks ends; '' when there is none, or the store does not say. */
  readonly lockedUntil: string;
  readonly forgotten: readonly ForgottenSnapshot[];
  /** Bytes of the location that were freed; with a dry run those of which it is known that only the forgotten snapshots need them. */
  readonly freedBytes: number;
  readonly freedObjects: number;
  /** Why nothing of it, or not everything, was freed; '' when all is done. The next collection tries again. */
  readonly problem: string;
}
