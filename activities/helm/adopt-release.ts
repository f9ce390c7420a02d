import pLimit from 'p-limit';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { RestoredRelease } from '../../contracts/helm-restore.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import { manifestObjects, type ManifestObject } from '../../domain/helm/manifest-objects.ts';
import { chartText } from '../../domain/helm/release.ts';
import { isUnfinished } from '../../domain/helm/release-standing.ts';
import type { StoredRecord } from '../../domain/helm/stored-record.ts';
import { objectAt, textAt } from '../../domain/resource/fields.ts';
import type { Charts } from '../../helm/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { recordRef, type ReleasePlace } from './live-records.ts';
import { refOf } from './release-objects.ts';
import type { RestorableRelease } from './restorable-releases.ts';
import { settleRelease } from './settle-release.ts';

/** What Helm knows its own objects by. */
const MANAGED_BY = 'app.kubernetes.io/managed-by';
const RELEASE_NAME = 'meta.helm.sh/release-name';
const RELEASE_NAMESPACE = 'meta.helm.sh/release-namespace';
const WRITE = { fieldManager: 'holdfast/helm-adopt' };
const AT_ONCE = 8;
const NAMED_IN_MESSAGES = 5;

export interface Adoption {
  /** Where the objects are now. */
  readonly place: ReleasePlace;
  readonly charts: Charts;
  readonly restorable: RestorableRelease;
  readonly runId: string;
}

interface LiveObject {
  readonly ref: ObjectRef;
  readonly live: JsonObject;
}

/**
 * Makes Helm go on with objects that were restored: they must all be there, are marked as Helm's, and the release's records are there with its
 * history. Nothing is written when an object is missing (`NotFound`) or belongs to another release (`Conflict`). Safe to repeat.
 */
export async function adoptRelease(adoption: Adoption, pulse: Pulse): Promise<RestoredRelease> {
  const { place, charts, restorable, runId } = adoption;
  const { signal, beat } = pulse;
  const { objects, unmarked } = await adoptable(adoption, signal);
  await settleRelease({ place, charts, captured: restorable.records, kind: restorable.kind, runId, clearsHooks: false }, pulse);
  const limit = pLimit(AT_ONCE);
  const owners = ownership(place);
  await Promise.all(
    unmarked.map(({ ref }) => limit(() => place.cluster.patch(ref, { metadata: owners }, { ...WRITE, signal }).then(beat))),
  );
  let records = 0;
  // One that was being written when the backup was made would keep Helm from going on.
  for (const record of restorable.records.filter((candidate) => !isUnfinished(candidate))) {
    if (await putRecord(adoption, record, signal)) records += 1;
    beat();
  }
  const { revision, status, chart } = restorable.release;
  const { namespace, name } = place;
  return { namespace, name, action: 'adopted', revision, status, chart: chartText(chart), objects, marked: unmarked.length, records };
}

/** How many objects the release has, and those that lack Helm's marks. Writes nothing; rejects as `adoptRelease` does. */
export async function adoptable(
  adoption: Adoption,
  signal: AbortSignal,
): Promise<{ readonly objects: number; readonly unmarked: readonly LiveObject[] }> {
  const { restorable, place } = adoption;
  const { release, records } = restorable;
  const current = records.find(({ revision }) => revision === release.revision);
  if (current && isUnfinished(current)) {
    throw new HoldfastError(
      FailureType.BadInput,
      `release ${release.namespace}/${release.name} was ${current.status} when the backup was made: there is nothing to adopt yet`,
      { advice: 'leave out --adopt to install it' },
    );
  }
  const found = await liveObjects(adoption, signal);
  const owners = ownership(place);
  const unmarked = found.filter(({ live }) => !isMarked(live, owners));
  refuseForeign(unmarked, adoption);
  return { objects: found.length, unmarked };
}

async function liveObjects({ place: { cluster, namespace }, restorable }: Adoption, signal: AbortSignal): Promise<readonly LiveObject[]> {
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

function ownership({ name, namespace }: ReleasePlace) {
  return { labels: { [MANAGED_BY]: 'Helm' }, annotations: { [RELEASE_NAME]: name, [RELEASE_NAMESPACE]: namespace } };
}

function isMarked(live: JsonObject, { labels, annotations }: ReturnType<typeof ownership>): boolean {
  const has = (where: string, wanted: Readonly<Record<string, string>>) =>
    Object.entries(wanted).every(([key, value]) => textAt(live, 'metadata', where, key) === value);
  return has('labels', labels) && has('annotations', annotations);
}

function refuseForeign(unmarked: readonly LiveObject[], { restorable: { release }, place: { namespace } }: Adoption): void {
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
async function putRecord({ place: { cluster, namespace }, charts }: Adoption, record: StoredRecord, signal: AbortSignal): Promise<boolean> {
  const ref = recordRef(record.kind, namespace, record.objectName);
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
