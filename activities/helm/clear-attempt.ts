import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { DiscoveredType } from '../../contracts/resource.ts';
import { hooksInTheWay, type ManifestObject } from '../../domain/helm/manifest-objects.ts';
import { recordText, type StoredRecord } from '../../domain/helm/stored-record.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Charts } from '../../helm/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { recordRef, resourceVersionOf, uidOf, type ReleasePlace } from './live-records.ts';
import { refOf } from './release-objects.ts';

const WRITE = { fieldManager: 'holdfast/helm' };
/** Annotation of a record that is about to be deleted. */
const ABANDONED = 'holdfast.dev/abandoned';
const GONE_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;

export interface Attempt {
  readonly record: StoredRecord;
  readonly charts: Charts;
  readonly clearsHooks: boolean;
}

/**
 * Takes away what an attempt that came to nothing has left of itself, so that Helm begins again from where it was before: hooks that would be in the
 * way, then the record. Objects of the release stay: they have Helm's marks, and Helm goes on with them. `Unavailable` when the record has changed
 * since it was read. Safe to repeat.
 */
export async function clearAttempt(place: ReleasePlace, { record, charts, clearsHooks }: Attempt, pulse: Pulse): Promise<void> {
  const { signal } = pulse;
  await claim(place, record, pulse);
  if (clearsHooks) {
    const { types } = await place.cluster.discover({ signal });
    const since = textAt(record.object, 'metadata', 'creationTimestamp');
    for (const object of hooksInTheWay(charts.decode(record).hooks)) await removeHook(place, { object, types, since }, pulse);
  }
  const ref = recordRef(record.kind, place.namespace, record.objectName);
  await place.cluster.delete(ref, { uid: uidOf(record.object), signal });
}

/** One of several that come at once, and none when Helm has written meanwhile: the API server compares the version. */
async function claim({ cluster, namespace }: ReleasePlace, record: StoredRecord, { signal }: Pulse): Promise<void> {
  const annotations = { [ABANDONED]: new Date().toISOString() };
  const patch = { metadata: { resourceVersion: resourceVersionOf(record.object), annotations } };
  try {
    await cluster.patch(recordRef(record.kind, namespace, record.objectName), patch, { ...WRITE, signal });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type !== FailureType.Conflict) throw error;
    throw new HoldfastError(FailureType.Unavailable, `${recordText(record)} has just changed`, { cause: error });
  }
}

interface LeftHook {
  readonly object: ManifestObject;
  readonly types: readonly DiscoveredType[];
  /** Of the record: what was there before is not of that attempt. */
  readonly since: string;
}

async function removeHook(
  { cluster, namespace }: ReleasePlace,
  { object, types, since }: LeftHook,
  { signal, beat }: Pulse,
): Promise<void> {
  const ref = refOf(object, types, { from: namespace, to: namespace });
  const left = ref && (await cluster.get(ref, { signal }));
  if (!left || textAt(left.object, 'metadata', 'creationTimestamp') < since) return;
  const uid = uidOf(left.object);
  await cluster.delete(ref, { uid, signal });
  const until = performance.now() + GONE_WITHIN_MS;
  for (;;) {
    const now = await cluster.get(ref, { signal });
    if (!now || uidOf(now.object) !== uid) return;
    if (performance.now() > until) {
      throw new HoldfastError(
        FailureType.Unavailable,
        `hook ${object.kind} ${object.name} of an earlier attempt is not gone after a minute`,
        {
          advice: 'see what its finalizers wait for',
        },
      );
    }
    beat();
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}
