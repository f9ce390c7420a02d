import type { BackupSizes } from './manifest.ts';
import type { Issue } from './outcome.ts';
import type { KeptStream } from './quiesce.ts';

/** How to reach the etcd of a cluster. Paths are of the worker's machine; secrets are in its configuration, never here. */
export interface EtcdAccess {
  /** `https://host:port`, each a member. */
  readonly endpoints: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What a backup takes of etcd. */
export interface EtcdRequest {
  /** Absent: as the worker's configuration says for the cluster. */
  readonly access?: EtcdAccess;
  /** Also the files under the PKI and manifests folders of a control-plane node (kubeadm's layout). */
  readonly controlPlaneFiles?: boolean;
}

export interface EtcdMember {
  /** Hexadecimal, as etcdctl prints it. */
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly learner: boolean;
}

/** The etcd snapshot of a backup, as the manifest keeps it. */
export interface CapturedEtcd {
  /** Hexadecimal. */
  readonly clusterId: string;
  /** Of the member that it was taken from. */
  readonly version: string;
  readonly endpoint: string;
  readonly members: readonly EtcdMember[];
  /** The snapshot has everything up to this revision, decimal; of writes made while it was being opened it may have more. */
  readonly revision: string;
  /**
   * What `etcdutl hashkv --rev` and `etcdctl endpoint hashkv --rev` print for that revision, decimal; '' when the member could not say. Depends on
   * what had been compacted: comparable only where the compacted revision is the same.
   */
  readonly hash: string;
  /** Decimal; `-1` for a store that was never compacted, '' without a hash. */
  readonly compactRevision: string;
  /** Of the database file (etcd's own trailer), lower-case hex. */
  readonly sha256: string;
  /** The member's database, and what of it is in use. */
  readonly databaseBytes: number;
  readonly inUseBytes: number;
  /** At which etcd stops taking writes; 0 when it does not say (before 3.6). */
  readonly quotaBytes: number;
  /** `NOSPACE`, `CORRUPT`: raised by any member when it was taken. */
  readonly alarms: readonly string[];
  /** The snapshot as etcd streams it: the database and its trailing SHA-256. */
  readonly snapshot: KeptStream;
  /** A tar of the control plane's files; absent when they were not asked for. */
  readonly controlPlaneFiles?: KeptStream;
  /** ISO-8601. */
  readonly takenAt: string;
}

/** Names of the streams that a backup of etcd keeps. */
export const SNAPSHOT_STREAM = 'etcd-snapshot';
export const FILES_STREAM = 'control-plane-files';

export interface CaptureEtcdInput extends EtcdRequest {
  readonly cluster: string;
  readonly location: string;
  /** Names temporary pods: the same in every attempt. */
  readonly runId: string;
}

export interface CaptureEtcdResult {
  readonly etcd: CapturedEtcd;
  /** Segment id of the part that lists its streams. */
  readonly part: string;
  readonly sizes: BackupSizes;
  readonly warnings: readonly Issue[];
}
