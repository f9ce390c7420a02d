import type { CapturedApplication } from './application.ts';
import type { CapturedEtcd } from './etcd.ts';
import type { CapturedRelease } from './helm.ts';
import type { Issue, LogLine, StepTiming } from './outcome.ts';
import type { ResourceType } from './resource.ts';
import type { Selection } from './selection.ts';
import type { CapturedVolume } from './volume.ts';

/** The version of the stored format that this code writes; docs/repository-format.md specifies it. */
export const FORMAT_VERSION = 1;

/** A run of objects of one kind and namespace, stored as one segment: records in the server's order. */
export interface SegmentRef {
  /** Keyed hash of the plain content, lower-case hex. */
  readonly id: string;
  /** Number of objects inside. */
  readonly count: number;
}

/** All captured objects of one kind in one namespace ('' when cluster-scoped). */
export interface CapturedResource {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly count: number;
  /** Bytes of JSON as the server sent them. */
  readonly bytes: number;
  readonly segments: readonly SegmentRef[];
}

/** Under this kind a part lists byte streams that plugins have kept, such as dumps: pieces in their order, and the list of the pieces. No objects. */
export const STREAMS: ResourceType = {
  group: 'streams.holdfast.dev',
  version: 'v1',
  kind: 'Stream',
  resource: 'streams',
  namespaced: true,
};

/** What captured objects point at and a backup takes along when cluster resources are `auto`. Names, sorted, each once. */
export interface CapturedReferences {
  /** `plural.group` of the custom resources. */
  readonly customResourceDefinitions: readonly string[];
  readonly namespaces: readonly string[];
  readonly storageClasses: readonly string[];
  readonly persistentVolumes: readonly string[];
  readonly priorityClasses: readonly string[];
  readonly clusterRoles: readonly string[];
  /** `namespace/name`. */
  readonly serviceAccounts: readonly string[];
}

/** The stored result of one capture activity: a segment of its own, so that it never travels through Temporal. */
export interface CapturePart {
  readonly resources: readonly CapturedResource[];
  readonly references: CapturedReferences;
}

/** One kind of a backup, summed over its parts. */
export interface CapturedKind {
  readonly type: ResourceType;
  readonly count: number;
  readonly bytes: number;
  /** The etcd revision at which this kind was listed. */
  readonly revision: string;
  /** Set when the kind could not be listed at the backup's revision: the reason, for people. */
  readonly fallbackReason?: string;
}

export interface ClusterIdentity {
  /** The kubeconfig context, or the name given to the cluster. */
  readonly name: string;
  /** uid of the namespace kube-system: the same cluster under another name is recognised by it. */
  readonly uid: string;
  /** gitVersion of the API server. */
  readonly version: string;
}

/** Sizes of one backup, in bytes. */
export interface BackupSizes {
  /** JSON read from the API server. */
  readonly read: number;
  /** Bytes of new packs and indexes that this backup added to the location. */
  readonly stored: number;
  /** New segments and segments that the repository already had. */
  readonly newSegments: number;
  readonly knownSegments: number;
}

/** One recovery point. Written last and create-only: its presence is the commit. */
export interface BackupManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'backup';
  /** Unique within the location; given by the user or derived from the time. */
  readonly name: string;
  /** Temporal workflow id and run id of the run that made it. */
  readonly runId: string;
  readonly cluster: ClusterIdentity;
  readonly selection: Selection;
  /** Namespaces that the selection's globs stood for. */
  readonly namespaces: readonly string[];
  /** The etcd revision of the cut. */
  readonly revision: string;
  readonly startedAt: string;
  readonly completedAt: string;
  readonly phase: 'Completed' | 'PartiallyFailed';
  readonly kinds: readonly CapturedKind[];
  /** Segment ids of the `CapturePart`s, in a stable order. */
  readonly parts: readonly string[];
  readonly objectCount: number;
  readonly sizes: BackupSizes;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
  readonly steps: readonly StepTiming[];
  readonly log: readonly LogLine[];
  /** Name of the schedule that made it. */
  readonly schedule?: string;
  /** Given by the user; retention and lists select by them. */
  readonly labels?: Readonly<Record<string, string>>;
  /** ISO-8601: from then on retention may remove it. */
  readonly expiresAt?: string;
  /** One for each claim that the backup covers; absent when it did not look at volumes. */
  readonly volumes?: readonly CapturedVolume[];
  /** One for each application that a plugin treated; absent when none was. */
  readonly applications?: readonly CapturedApplication[];
  /** Absent when the backup did not look at etcd. */
  readonly etcd?: CapturedEtcd;
  /** One for each release; absent when charts were not exported. */
  readonly releases?: readonly CapturedRelease[];
}

/** An entry of the chain that says that recovery points were removed on purpose. */
export interface DeletionManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'deletion';
  readonly deletedAt: string;
  readonly deleted: readonly { readonly sequence: number; readonly hash: string; readonly name: string }[];
}

/** Somebody who can open a repository: nothing about him is secret. */
export interface KeyHolder {
  /** 8 hexadecimal digits; stays the same when his key file is written anew. */
  readonly id: string;
  readonly label: string;
  readonly type: 'recipient' | 'passphrase';
  /** age recipient; '' for a passphrase. */
  readonly recipient: string;
  /** ISO-8601. */
  readonly addedAt: string;
}

/** An entry of the chain from which on everything is sealed with a new data key; it is itself sealed with it. */
export interface RotationManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'rotation';
  /** ISO-8601. */
  readonly at: string;
  /** Number of the new data key. */
  readonly number: number;
  /** Everybody who is to get it. */
  readonly holders: readonly KeyHolder[];
}

/** An entry of the chain that forbids to delete recovery points, or allows it again; the last one that names a backup decides. */
export interface HoldManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'hold' | 'release';
  /** ISO-8601. */
  readonly at: string;
  /** Given by the user; '' when none was. */
  readonly reason: string;
  readonly backups: readonly { readonly sequence: number; readonly hash: string; readonly name: string }[];
}

/** An entry of the chain that announces that garbage collection deletes packs: a commit after it may not rely on any of them. */
export interface CollectionManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'collection';
  /** ISO-8601, by the store's clock. */
  readonly at: string;
  /** Number of the condemned list that names the packs as doomed. */
  readonly list: number;
  /** How many packs, and their bytes. */
  readonly packs: number;
  readonly bytes: number;
}

/** An entry of the chain that announces that snapshots of volumes are forgotten: a backup after it may not name any of them. */
export interface VolumeCollectionManifest {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly type: 'volume-collection';
  /** ISO-8601, by the store's clock. */
  readonly at: string;
  /** uid of the cluster whose volumes they are of. */
  readonly cluster: string;
  /** Ids of restic snapshots. */
  readonly snapshots: readonly string[];
}

export type Manifest = BackupManifest | DeletionManifest | RotationManifest | HoldManifest | CollectionManifest | VolumeCollectionManifest;
