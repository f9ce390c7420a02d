import type { CaptureEtcdInput, CaptureEtcdResult, EtcdRequest } from './etcd.ts';
import type { ClusterIdentity } from './manifest.ts';
import type { RunPhase } from './outcome.ts';
import type { AfterBackup } from './protection.ts';

/** Input of the workflow `backupEtcd`. Its result is a `BackupProjectResult` without objects. */
export interface BackupEtcdInput extends EtcdRequest {
  readonly name: string;
  readonly cluster: string;
  readonly location: string;
  readonly schedule?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Seconds from the backup's completion until retention may remove it. */
  readonly ttlSeconds?: number;
}

export interface EtcdBackupPlan {
  /** As the API server says; when it does not answer, the name alone: uid and version are ''. */
  readonly cluster: ClusterIdentity;
  readonly afterwards: AfterBackup;
}

/** What `captureEtcd` says in its heartbeats. */
export interface EtcdCaptureProgress {
  /** Of the snapshot's stream, read so far in this attempt. */
  readonly streamedBytes: number;
  /** What the member said about its database before. */
  readonly databaseBytes: number;
}

/** Answer of the query `progress` of a backup of etcd. */
export interface BackupEtcdProgress {
  readonly phase: RunPhase;
  readonly step: string;
  /** Of the snapshot, once it is stored. */
  readonly snapshotBytes: number;
  readonly warnings: number;
  readonly errors: number;
}

export interface EtcdActivities {
  /** Opens the location and finds out which cluster it is. Writes nothing; an API server that is gone is no hindrance. */
  planEtcdBackup(input: BackupEtcdInput): Promise<EtcdBackupPlan>;
  /**
   * Streams a snapshot of a healthy member into the location, in pieces of one size, and checks it against its own hash. Safe to repeat: what the
   * repository has is not sent again. Rejects with `Unavailable` when no member can give one.
   */
  captureEtcd(input: CaptureEtcdInput): Promise<CaptureEtcdResult>;
}
