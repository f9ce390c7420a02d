import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { recordText, type RecordKind, type StoredRecord } from '../../domain/helm/stored-record.ts';
import type { Pulse } from '../heartbeat.ts';
import { currentRecord, recordRef, resourceVersionOf, type ReleasePlace } from './live-records.ts';

/** Annotation of a record while a run of ours has Helm at work on it: the time of the worker. */
const AT_WORK = 'holdfast.dev/at-work';
const EVERY_MS = 3_000;
/** Several times that: a record that stays as it is for so long, by our own clock, has nobody who works on it. */
const SILENCE_MS = 15_000;
const LOOK_EVERY_MS = 500;

export interface SignsOfLife {
  /** Returns when no further sign can be given. */
  stop(): Promise<void>;
}

/**
 * Writes to the record that Helm is about to make, again and again, for as long as we have Helm at work. It needs no clock that others share, no
 * Temporal that others see, and ends with us.
 */
export function showLife(
  place: ReleasePlace,
  { kind, objectName }: { kind: RecordKind; objectName: string },
  { beat }: Pulse,
): SignsOfLife {
  const over = new AbortController();
  const { signal } = over;
  const ref = recordRef(kind, place.namespace, objectName);
  const show = async (): Promise<void> => {
    while (!signal.aborted) {
      await delay(EVERY_MS, undefined, { signal });
      beat();
      const patch = { metadata: { annotations: { [AT_WORK]: new Date().toISOString() } } };
      // It is not there yet, or the API server is not; Helm will say so.
      await place.cluster.patch(ref, patch, { fieldManager: 'holdfast/helm', signal }).catch(() => undefined);
    }
  };
  const shown = show().catch(() => undefined);
  return {
    stop: async () => {
      over.abort();
      await shown;
    },
  };
}

/**
 * Returns once it is certain that nobody works on an unfinished record: nothing has written to it for a while. `Conflict` when somebody has, and
 * `Unavailable` when it is an earlier attempt of the same run, which is
 * about to end.
 */
export async function provenSilent(
  place: ReleasePlace,
  { last: record, isOwn }: { readonly last: StoredRecord; readonly isOwn: boolean },
  pulse: Pulse,
): Promise<void> {
  const until = performance.now() + SILENCE_MS;
  while (performance.now() < until) {
    const now = await currentRecord(place, record, pulse.signal);
    if (!now || resourceVersionOf(now.object) !== resourceVersionOf(record.object)) throw stillAtWork(record, isOwn);
    pulse.beat();
    await delay(LOOK_EVERY_MS, undefined, { signal: pulse.signal });
  }
}

function stillAtWork(record: StoredRecord, isOwn: boolean): HoldfastError {
  const advice = 'wait until it has ended';
  if (isOwn)
    return new HoldfastError(FailureType.Unavailable, `${recordText(record)}: an earlier attempt still has Helm at work`, { advice });
  return new HoldfastError(FailureType.Conflict, `${recordText(record)}: another restore of Holdfast has Helm at work on it`, { advice });
}
