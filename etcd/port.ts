import type { EtcdMember } from '../contracts/etcd.ts';

/** What one member says of itself. */
export interface MemberStatus {
  /** Hexadecimal, as etcdctl prints it. */
  readonly clusterId: string;
  readonly memberId: string;
  readonly version: string;
  readonly isLeader: boolean;
  /** False when the member knows of no leader: then it cannot know what the others have written. */
  readonly hasLeader: boolean;
  readonly learner: boolean;
  /** How far it has carried out the cluster's log. */
  readonly appliedIndex: bigint;
  /** Newest revision of its store, decimal. */
  readonly revision: string;
  readonly databaseBytes: number;
  readonly inUseBytes: number;
  /** 0 when it does not say. */
  readonly quotaBytes: number;
}

export interface Alarm {
  /** Hexadecimal. */
  readonly memberId: string;
  readonly alarm: string;
}

/** Hash over all keys up to a revision; depends on what was compacted. All decimal. */
export interface KeyspaceHash {
  readonly hash: string;
  readonly compactRevision: string;
}

/**
 * An etcd cluster, member by member. Endpoints are `http(s)://host:port`. Calls reject with `Unavailable` when the member does not answer within
 * seconds, and with `Forbidden` when it or we do not accept the other's certificate or password; the messages name the endpoint.
 */
export interface Etcd {
  /** As they were given. */
  readonly endpoints: readonly string[];
  status(endpoint: string): Promise<MemberStatus>;
  /** By name. */
  members(endpoint: string): Promise<readonly EtcdMember[]>;
  /** Of all members, as this one knows them. */
  alarms(endpoint: string): Promise<readonly Alarm[]>;
  /** The member reads all its keys for it. */
  hashOfKeys(endpoint: string, revision: string): Promise<KeyspaceHash>;
  /**
   * The member's database as it was at the first piece, and behind it the SHA-256 of it: 32 bytes, unchecked. Read no faster than it is taken;
   * rejects when the stream breaks, ends without notice when the member ends it too early.
   */
  snapshot(endpoint: string, signal: AbortSignal): AsyncIterable<Buffer>;
  close(): void;
}
