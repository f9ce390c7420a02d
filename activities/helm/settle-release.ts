import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { standingOf, type Standing } from '../../domain/helm/release-standing.ts';
import { recordText, type RecordKind, type StoredRecord } from '../../domain/helm/stored-record.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Charts } from '../../helm/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { clearAttempt } from './clear-attempt.ts';
import { liveRecords, type ReleasePlace } from './live-records.ts';
import { provenSilent } from './sign-of-life.ts';

/** A release that is to be brought back, and the run that does it. */
export interface Unsettled {
  readonly place: ReleasePlace;
  readonly charts: Charts;
  /** The backup's records of it. */
  readonly captured: readonly StoredRecord[];
  readonly kind: RecordKind;
  readonly runId: string;
  /** Whether hooks that an attempt left are taken away with its record. */
  readonly clearsHooks: boolean;
}

export interface SettledRelease {
  readonly kind: RecordKind;
  readonly standing: Extract<Standing, { readonly state: 'absent' | 'settled' | 'done' }>;
}

/**
 * Clears away, one record after the other, what attempts of ours and restored records have left unfinished, until Helm could go on. `Conflict` when a
 * Helm is in the middle of it that we know nothing of, or another run of ours that lives.
 */
export async function settleRelease(unsettled: Unsettled, pulse: Pulse): Promise<SettledRelease> {
  const { place, charts, captured, runId, clearsHooks } = unsettled;
  for (;;) {
    const { kind, records } = await liveRecords(place, unsettled.kind, pulse.signal);
    const standing = standingOf(records, { runId, captured });
    if (standing.state === 'absent' || standing.state === 'settled' || standing.state === 'done') return { kind, standing };
    refuseBusy(standing);
    if (standing.state === 'begun') await provenSilent(place, standing, pulse);
    await clearAttempt(place, { record: standing.last, charts, clearsHooks }, pulse);
  }
}

/** `Conflict`: rolling over a Helm that somebody runs would break the release for good, and nothing tells a dead one from one that waits. */
export function refuseBusy(standing: Standing): void {
  if (standing.state !== 'busy') return;
  const { namespace, release, status, revision, object } = standing.last;
  const since = textAt(object, 'metadata', 'creationTimestamp');
  const mended =
    status === 'pending-install' || status === 'uninstalling'
      ? `helm uninstall ${release} -n ${namespace}`
      : `helm rollback ${release} -n ${namespace}`;
  throw new HoldfastError(
    FailureType.Conflict,
    `${recordText({ namespace, release, revision })} is ${status} since ${since}: a Helm that Holdfast did not start is at work on it, or was ended in the middle`,
    { advice: `when nobody runs Helm on it any more, \`${mended}\` frees it; then run this again` },
  );
}
