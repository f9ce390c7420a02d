import pLimit from 'p-limit';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { DiscoveredType, ObjectRef } from '../../contracts/resource.ts';
import { manifestObjects, type ManifestObject } from '../../domain/helm/manifest-objects.ts';
import type { StoredRecord } from '../../domain/helm/stored-record.ts';
import { objectAt, textAt } from '../../domain/resource/fields.ts';
import { groupOf } from '../../domain/resource/identity.ts';
import type { Charts } from '../../helm/port.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CONFIG_MAPS, SECRETS } from './find-records.ts';
import type { RestorableRelease } from './restorable-releases.ts';

/** What Helm knows its own objects by. */
const MANAGED_BY = 'app.kubernetes.io/managed-by';
const RELEASE_NAME = 'meta.helm.sh/release-name';
const RELEASE_NAMESPACE = 'meta.helm.sh/release-namespace';
const WRITE = { fieldManager: 'holdfast/helm-adopt' };
const AT_ONCE = 8;
const NAMED_IN_MESSAGES = 5;

export interface Adoption {
  readonly cluster: Cluster;
  readonly charts: Charts;
  readonly restorable: RestorableRelease;
  /** Where the objects are now. */
  readonly namespace: string;
}

export interface AdoptedRelease {
  /** Objects of the release that are there, all of them. */
  readonly objects: number;
  /** Of these, how many lacked Helm's marks and got them. */
  readonly marked: number;
  /** Records that were missing and were created from the backup's, or stood for another namespace. */
  readonly records: number;
}

interface LiveObject {
  readonly ref: ObjectRef;
  readonly live: JsonObject;
}

/**
 * Makes Helm go on with objects that were restored: they must all be there, are marked as Helm's, and the release's records are there with its
 * history. Nothing is written when an object is missing (`NotFound`) or belongs to another release (`Conflict`). Safe to repeat.
 */
export async function adoptRelease(adoption: Adoption, signal: AbortSignal): Promise<AdoptedRelease> {
  const found = await liveObjects(adoption, signal);
  const { release } = adoption.restorable;
  const owners = ownership(release.name, adoption.namespace);
  const unmarked = found.filter(({ live }) => !isMarked(live, owners));
  refuseForeign(unmarked, adoption);
  const limit = pLimit(AT_ONCE);
  await Promise.all(unmarked.map(({ ref }) => limit(() => adoption.cluster.patch(ref, { metadata: owners }, { ...WRITE, signal }))));
  let records = 0;
  for (const record of adoption.restorable.records) if (await putRecord(adoption, record, signal)) records += 1;
  return { objects: found.length, marked: unmarked.length, records };
}

async function liveObjects({ cluster, restorable, namespace }: Adoption, signal: AbortSignal): Promise<readonly LiveObject[]> {
  const { release } = restorable;
  const { types } = await cluster.discover({ signal });
  const limit = pLimit(AT_ONCE);
  const missing: ManifestObject[] = [];
  const looked = manifestObjects(release.manifest).map((object) =>
    limit(async (): Promise<LiveObject[]> => {
      const ref = refOf(object, types, { from: release.namespace, to: namespace });
      const live = ref && (await cluster.get(ref, { signal }));
      if (live) return [{ ref, live: live.object }];
      missing.push(object);
      return [];
    }),
  );
  const found = (await Promise.all(looked)).flat();
  if (missing.length === 0) return found;
  const named = missing.slice(0, NAMED_IN_MESSAGES).map(({ kind, name }) => `${kind} ${name}`);
  const more = missing.length > named.length ? ' ...' : '';
  const all = found.length + missing.length;
  throw new HoldfastError(
    FailureType.NotFound,
    `release ${namespace}/${release.name}: ${missing.length} of its ${all} objects are not there: ${named.join(', ')}${more}`,
    { advice: 'bring them back with `holdfast restore create` first, or leave out --adopt to install the release anew' },
  );
}

function refOf(
  { apiVersion, kind, namespace, name }: ManifestObject,
  types: readonly DiscoveredType[],
  move: { readonly from: string; readonly to: string },
): ObjectRef | undefined {
  const type = types.find((candidate) => candidate.kind === kind && candidate.group === groupOf(apiVersion));
  if (!type) return undefined;
  const own = namespace === '' || namespace === move.from ? move.to : namespace;
  return { type, namespace: type.namespaced ? own : '', name };
}

function ownership(name: string, namespace: string) {
  return { labels: { [MANAGED_BY]: 'Helm' }, annotations: { [RELEASE_NAME]: name, [RELEASE_NAMESPACE]: namespace } };
}

function isMarked(live: JsonObject, { labels, annotations }: ReturnType<typeof ownership>): boolean {
  const has = (where: string, wanted: Readonly<Record<string, string>>) =>
    Object.entries(wanted).every(([key, value]) => textAt(live, 'metadata', where, key) === value);
  return has('labels', labels) && has('annotations', annotations);
}

function refuseForeign(unmarked: readonly LiveObject[], { restorable: { release }, namespace }: Adoption): void {
  for (const { ref, live } of unmarked) {
    const name = textAt(live, 'metadata', 'annotations', RELEASE_NAME);
    const home = textAt(live, 'metadata', 'annotations', RELEASE_NAMESPACE);
    const isOurs = name === '' || (name === release.name && [namespace, release.namespace, ''].includes(home));
    if (isOurs) continue;
    throw new HoldfastError(
      FailureType.Conflict,
      `release ${namespace}/${release.name}: ${ref.type.kind} ${ref.name} belongs to release ${home}/${name}`,
      { advice: 'nothing was changed: remove the object, or uninstall that release first' },
    );
  }
}

/** Whether something had to be written: a record that is there already, and says where it is, stays as it is. */
async function putRecord({ cluster, charts, namespace }: Adoption, record: StoredRecord, signal: AbortSignal): Promise<boolean> {
  const ref = { type: record.kind === 'Secret' ? SECRETS : CONFIG_MAPS, namespace, name: record.objectName };
  const live = await cluster.get(ref, { signal });
  if (!live) {
    await cluster.create(ref, recordObject(record, namespace, charts.moved(record, namespace)), { ...WRITE, signal });
    return true;
  }
  const payload = charts.moved({ ...record, payload: textAt(live.object, 'data', 'release') }, namespace);
  if (payload === undefined) return false;
  await cluster.patch(ref, { data: { release: payload } }, { ...WRITE, signal });
  return true;
}

function recordObject({ kind, objectName, object, payload }: StoredRecord, namespace: string, moved: string | undefined): JsonObject {
  const metadata = { name: objectName, namespace, labels: objectAt(object, 'metadata', 'labels') };
  const type = kind === 'Secret' ? { type: 'helm.sh/release.v1' } : {};
  return { apiVersion: 'v1', kind, metadata, ...type, data: { release: moved ?? payload } };
}
