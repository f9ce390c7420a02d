import { objectAt, textAt } from '../resource/fields.ts';
import type { StoredRecord } from './stored-record.ts';

/**
 * Label of a record that a run of ours has had Helm make: `RUN.vREVISION`. Helm hands labels on to later revisions; the revision in it tells those of
 * somebody's own `helm upgrade` from ours.
 */
export const RUN_MARK = 'holdfast.dev/helm-restore';

/** What Helm itself keeps in a record's labels; all others are the user's. */
const OF_HELM: readonly string[] = ['name', 'owner', 'status', 'version', 'createdAt', 'modifiedAt'];

/**
 * How a release stands in a cluster, by its newest record:
 * `absent`: there is none; `settled`: Helm can go on from it; `done`: this very run has deployed it;
 * `begun`: a run of ours is in the middle of it, or died there; `failed`: a run of ours failed to install it for the first time;
 * `stale`: the backup was made in the middle of it, and the record was restored; `busy`: another Helm is in the middle of it, or died there.
 */
export type Standing =
  | { readonly state: 'absent' }
  | { readonly state: 'settled' | 'done'; readonly last: StoredRecord }
  | { readonly state: 'failed' | 'stale' | 'busy'; readonly last: StoredRecord }
  /** `isOwn`: by this very run. */
  | { readonly state: 'begun'; readonly last: StoredRecord; readonly isOwn: boolean };

export function runMark(runId: string, revision: number): string {
  return `${runId}.v${revision}`;
}

/** `captured`: the records that the backup has of the release. */
export function standingOf(
  live: readonly StoredRecord[],
  { runId, captured }: { readonly runId: string; readonly captured: readonly StoredRecord[] },
): Standing {
  const last = newest(live);
  if (!last) return { state: 'absent' };
  const run = markedBy(last);
  if (isUnfinished(last)) {
    if (run !== '') return { state: 'begun', last, isOwn: run === runId };
    return { state: isRestored(last, captured) ? 'stale' : 'busy', last };
  }
  if (run === '') return { state: 'settled', last };
  if (last.status === 'deployed') return { state: run === runId ? 'done' : 'settled', last };
  // Helm would upgrade it, and hooks that belong to an installation would never run.
  const wasThere = live.some(({ status }) => status === 'deployed' || status === 'superseded');
  return { state: last.status === 'failed' && !wasThere ? 'failed' : 'settled', last };
}

/** Helm will not touch a release whose newest record says so. */
export function isUnfinished({ status }: StoredRecord): boolean {
  return status.startsWith('pending-') || status === 'uninstalling';
}

/** What a user has labelled the release with (`helm install --labels`). */
export function userLabels({ object }: StoredRecord): Readonly<Record<string, string>> {
  const labels = Object.entries(objectAt(object, 'metadata', 'labels'));
  return Object.fromEntries(
    labels.flatMap(([key, value]) => (typeof value === 'string' && key !== RUN_MARK && !OF_HELM.includes(key) ? [[key, value]] : [])),
  );
}

export function newest(records: readonly StoredRecord[]): StoredRecord | undefined {
  return records.toSorted((a, b) => b.revision - a.revision)[0];
}

/** The run of ours that had Helm make the record; '' when none had. */
function markedBy({ object, revision }: StoredRecord): string {
  const mark = textAt(object, 'metadata', 'labels', RUN_MARK);
  const run = mark.replace(/\.v\d+$/, '');
  return mark === runMark(run, revision) ? run : '';
}

/** An object that was deleted and came back has another uid, and Helm has not written to it since. */
function isRestored(record: StoredRecord, captured: readonly StoredRecord[]): boolean {
  const before = captured.find(({ kind, objectName }) => kind === record.kind && objectName === record.objectName);
  const uid = ({ object }: StoredRecord): string => textAt(object, 'metadata', 'uid');
  return before !== undefined && before.payload === record.payload && uid(before) !== uid(record);
}
