import type { KeptStream, PutBack } from './quiesce.ts';

/** How the data of a claim is captured; docs/volumes.md says what each means. */
export const VolumeMethod = {
  CsiSnapshot: 'csi-snapshot',
  DataMove: 'data-move',
  FileSystem: 'file-system',
  Skip: 'skip',
} as const;
export type VolumeMethod = (typeof VolumeMethod)[keyof typeof VolumeMethod];

/** What captured data can be trusted to be. */
export type Consistency =
  /** As after a power failure: every file system and database recovers from that, with what it had promised to keep. */
  | 'crash'
  /** Flushed and not written to while it was captured. */
  | 'file-system'
  /** The application itself said that this is a point it can be restored to. */
  | 'application'
  /** Read while it was written to. */
  | 'none';

/** Conditions of a policy rule; all that are given must hold. */
export interface VolumeConditions {
  /** Names of storage classes, any of them; '' for claims without one. */
  readonly storageClass?: readonly string[];
  /** Names of CSI drivers, any of them. */
  readonly driver?: readonly string[];
  /** Bytes that the volume has room for, both ends included; absent ends are open. */
  readonly capacity?: { readonly min?: number; readonly max?: number };
  /** All of these labels are on the claim. */
  readonly claimLabels?: Readonly<Record<string, string>>;
  /** Keys of a PersistentVolume's source, for example `hostPath`, `nfs`, `csi`; any of them. */
  readonly volumeTypes?: readonly string[];
  /** Any of them is among the claim's. */
  readonly accessModes?: readonly string[];
  readonly volumeMode?: 'Filesystem' | 'Block';
  /** Any of the claim's phases. */
  readonly claimPhase?: readonly string[];
  /** NFS server and path; '' or absent for any. */
  readonly nfs?: { readonly server?: string; readonly path?: string };
}

export interface VolumeRule {
  readonly conditions: VolumeConditions;
  readonly method: VolumeMethod;
}

/** The first rule whose conditions hold decides; a volume that no rule meets is treated by the defaults. */
export interface VolumePolicy {
  readonly rules: readonly VolumeRule[];
}

/** What a backup does about volumes. Its absence means that the backup does not look at them. */
export interface VolumeRequest {
  readonly policy: VolumePolicy;
  /** Movers at the same time, in all and on one node. */
  readonly concurrency: number;
  readonly concurrencyPerNode: number;
}

/** The place of a volume's data, for a mover that can reach it. */
export type VolumeSource =
  /** A folder of this machine, below the folder that the cluster's kubeconfig allows. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A claim that a pod can mount; `node` pins the pod where the volume is in use, '' anywhere. */
  | { readonly kind: 'claim'; readonly namespace: string; readonly claim: string; readonly node: string };

/** One claim that a backup covers. */
export interface CoveredVolume {
  readonly namespace: string;
  readonly claim: string;
  /** Name of the PersistentVolume; '' for a claim that is not bound. */
  readonly volume: string;
  readonly storageClass: string;
  /** CSI driver; '' for volumes of other kinds. */
  readonly driver: string;
  /** Bytes that the volume has room for. */
  readonly capacityBytes: number;
  readonly accessModes: readonly string[];
  readonly volumeMode: 'Filesystem' | 'Block';
  readonly method: VolumeMethod;
}

/** A claim, and what is to be done with it. */
export interface PlannedVolume extends CoveredVolume {
  /** Why this method, for people. */
  readonly reason: string;
  /** Its data should be in the backup and cannot be. */
  readonly isProblem?: true;
  /** Absent when there is nothing to read (`skip`). */
  readonly source?: VolumeSource;
  /** VolumeSnapshotClass for `csi-snapshot` and `data-move`. */
  readonly snapshotClass?: string;
  /** Names of the pods that mount it now. */
  readonly pods: readonly string[];
}

/** Volumes whose snapshots are cut at one moment. */
export interface VolumeGroup {
  readonly namespace: string;
  readonly claims: readonly string[];
  /** VolumeGroupSnapshotClass. */
  readonly snapshotClass: string;
}

/** A capture by a mover. */
export interface MovedData {
  readonly kind: 'restic';
  /** Id of the restic snapshot, 64 hexadecimal digits. */
  readonly snapshot: string;
  /** Regular files, each name of one with several counted. */
  readonly files: number;
  readonly folders: number;
  /** Bytes in the files, and bytes that this capture added to the location. */
  readonly bytes: number;
  readonly addedBytes: number;
  /** What could not be read and is not in the snapshot; absent when everything is. */
  readonly unread?: UnreadFiles;
}

export interface UnreadFiles {
  readonly count: number;
  /** The first ones, with the reason of each, for people. */
  readonly examples: readonly string[];
}

/** A snapshot that the storage system keeps. */
export interface KeptSnapshot {
  readonly kind: 'csi';
  readonly driver: string;
  /** The driver's own name of it. */
  readonly handle: string;
  readonly snapshotClass: string;
  /** Bytes that a volume made from it must have. */
  readonly restoreBytes: number;
}

/** One volume in a backup's manifest. */
export interface CapturedVolume extends CoveredVolume {
  /** Absent when the data was not captured: skipped on purpose, or failed (then an error names it). */
  readonly data?: MovedData | KeptSnapshot;
  readonly consistency: Consistency;
  /** Plugin that gave the consistency; absent when none did. */
  readonly quiescedBy?: string;
  /** What a restore writes over the data, as the plugin says, with the streams that it takes from the backup. */
  readonly putBack?: readonly PutBack[];
  readonly streams?: readonly KeptStream[];
  /** ISO-8601: between these the data was captured. */
  readonly startedAt: string;
  readonly completedAt: string;
}

/** Where a mover stands. */
export interface MoveProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** How far a run is with its volumes. */
export interface VolumesProgress {
  readonly volumesDone: number;
  readonly volumesTotal: number;
  readonly bytesDone: number;
}

/** What a restore of one volume came to. */
export interface RestoredVolume {
  /** The claim as it is in the cluster now. */
  readonly namespace: string;
  readonly claim: string;
  /** `restored`: the data is there and is as much as was recorded. `left`: nothing was written, on purpose. `failed`: the data is not there, or not all of it. */
  readonly outcome: 'restored' | 'left' | 'failed';
  /** Why it was left or failed; '' when it was restored. */
  readonly reason: string;
  readonly files: number;
  readonly bytes: number;
}

/** What a restore does about volumes. Its absence means that it leaves their data alone. */
export interface VolumeRestoreRequest {
  /** Also restore into volumes that exist and hold data: what they hold now is lost. */
  readonly inPlace: boolean;
  /** Read everything back and compare it with the hashes of the backup. */
  readonly checksum: boolean;
  /** Movers at the same time. */
  readonly concurrency: number;
}
