import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import { storedRecord, type RecordKind, type StoredRecord } from '../../domain/helm/stored-record.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CONFIG_MAPS, recordsOfCluster, SECRETS } from './find-records.ts';

/** A release in a cluster. */
export interface ReleasePlace {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly name: string;
}

export interface LiveRecords {
  /** Whose kind of object Helm keeps them in; the given one when there are none. */
  readonly kind: RecordKind;
  readonly records: readonly StoredRecord[];
}

/** The records that the cluster has of a release. Where it has them in both kinds of objects, those of the kind that is asked for count. */
export async function liveRecords({ cluster, namespace, name }: ReleasePlace, kind: RecordKind, signal: AbortSignal): Promise<LiveRecords> {
  const all: StoredRecord[] = [];
  for await (const record of recordsOfCluster(cluster, { namespaces: [namespace], release: name }, signal)) all.push(record);
  const own = all.filter((record) => record.kind === kind);
  if (own.length > 0 || all.length === 0) return { kind, records: own };
  return { kind: kind === 'Secret' ? 'ConfigMap' : 'Secret', records: all };
}

export function recordRef(kind: RecordKind, namespace: string, name: string): ObjectRef {
  return { type: kind === 'Secret' ? SECRETS : CONFIG_MAPS, namespace, name };
}

/** A record as it is now; undefined when it is gone. */
export async function currentRecord(
  { cluster, namespace }: ReleasePlace,
  { kind, objectName }: StoredRecord,
  signal: AbortSignal,
): Promise<StoredRecord | undefined> {
  const live = await cluster.get(recordRef(kind, namespace, objectName), { signal });
  return live && storedRecord(kind, live.object);
}

export function uidOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'uid');
}

export function resourceVersionOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'resourceVersion');
}
