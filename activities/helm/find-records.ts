import type { JsonObject } from '../../contracts/json.ts';
import type { CapturePart } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { RECORD_NAME_PREFIX, storedRecord, type RecordKind, type StoredRecord } from '../../domain/helm/stored-record.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';

/** A record may have more than a megabyte. */
const PAGE = 25;

export const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };
export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };

/** Every release record among the objects of a backup's parts; in these namespaces, all when there are none. */
export async function* recordsOfBackup(
  repository: Repository,
  { parts, namespaces = [] }: { readonly parts: readonly string[]; readonly namespaces?: readonly string[] },
  { signal, beat }: { readonly signal: AbortSignal; readonly beat?: () => void },
): AsyncGenerator<StoredRecord> {
  for (const id of parts) {
    const { resources } = (await repository.readDocument(id, { signal })) as CapturePart;
    for (const { type, namespace, segments } of resources) {
      if (type.group !== '' || !isRecordKind(type.kind)) continue;
      if (namespaces.length > 0 && !namespaces.includes(namespace)) continue;
      const ids = segments.map((segment) => segment.id);
      for await (const { records } of repository.readSegments(ids, { signal })) {
        beat?.();
        yield* recordsAmong(type.kind, records);
      }
    }
  }
}

/** Every release record in a cluster as it is now, or those of one release; in these namespaces, all when there are none. */
export async function* recordsOfCluster(
  cluster: Cluster,
  { namespaces, release }: { readonly namespaces: readonly string[]; readonly release?: string },
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  const labelSelector = release === undefined ? 'owner=helm' : `owner=helm,name=${release}`;
  for (const type of [SECRETS, CONFIG_MAPS]) {
    for (const namespace of namespaces.length === 0 ? [''] : namespaces)
      yield* recordsIn(cluster, { type, namespace, labelSelector }, signal);
  }
}

async function* recordsIn(
  cluster: Cluster,
  { type, namespace, labelSelector }: { readonly type: ResourceType; readonly namespace: string; readonly labelSelector: string },
  signal: AbortSignal,
): AsyncGenerator<StoredRecord> {
  let continueToken = '';
  do {
    const request = { type, namespace, labelSelector, limit: PAGE, exactRevision: '', continueToken };
    const page = await cluster.listPage(request, { signal });
    for (const { object } of page.items) {
      const record = storedRecord(type.kind as RecordKind, object);
      if (record) yield record;
    }
    ({ continueToken } = page);
  } while (continueToken !== '');
}

function* recordsAmong(kind: RecordKind, records: readonly Buffer[]): Generator<StoredRecord> {
  for (const bytes of records) {
    // Most Secrets and ConfigMaps are none: parsed is only what has such a name in it.
    if (!bytes.includes(RECORD_NAME_PREFIX)) continue;
    const record = storedRecord(kind, parseLossless(bytes.toString('utf8')) as JsonObject);
    if (record) yield record;
  }
}

function isRecordKind(kind: string): kind is RecordKind {
  return kind === 'Secret' || kind === 'ConfigMap';
}
