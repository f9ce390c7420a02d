import type { JsonObject } from '../../contracts/json.ts';
import { textAt } from '../resource/fields.ts';

/** The kinds of objects in which Helm keeps release records. */
export type RecordKind = 'Secret' | 'ConfigMap';

/** An object that holds one revision of a release, not decoded yet. */
export interface StoredRecord {
  readonly kind: RecordKind;
  readonly namespace: string;
  /** Of the object: `sh.helm.release.v1.NAME.vREVISION`. */
  readonly objectName: string;
  readonly release: string;
  readonly revision: number;
  /** Of the object's label: Helm finds the deployed revision by it. */
  readonly status: string;
  /** What the object has under `release`: base64 for a Secret, which holds base64 again. */
  readonly payload: string;
  /** As captured. */
  readonly object: JsonObject;
}

/** Every record's object is called so: a cheap test for text that may hold one. */
export const RECORD_NAME_PREFIX = 'sh.helm.release.v1.';

/** The record in an object; undefined when it is none of Helm's. */
export function storedRecord(kind: RecordKind, object: JsonObject): StoredRecord | undefined {
  const label = (name: string): string => textAt(object, 'metadata', 'labels', name);
  const objectName = textAt(object, 'metadata', 'name');
  if (label('owner') !== 'helm' || !objectName.startsWith(RECORD_NAME_PREFIX)) return undefined;
  if (kind === 'Secret' && textAt(object, 'type') !== 'helm.sh/release.v1') return undefined;
  return {
    kind,
    namespace: textAt(object, 'metadata', 'namespace'),
    objectName,
    release: label('name'),
    revision: Number(label('version')),
    status: label('status'),
    payload: textAt(object, 'data', 'release'),
    object,
  };
}

/** One release: the record that stands for it, and how many it has. */
export interface ReleaseHead {
  readonly namespace: string;
  readonly release: string;
  /** The deployed revision, or the newest when none is. */
  readonly current: StoredRecord;
  readonly revisions: number;
}

/** Finds the current record of each release while records pass by, so that never all of them are in memory. */
export class CurrentRecords {
  readonly #heads = new Map<string, ReleaseHead>();

  add(record: StoredRecord): void {
    const { namespace, release } = record;
    const key = `${namespace}/${release}`;
    const known = this.#heads.get(key);
    const current = known === undefined || isNewer(record, known.current) ? record : known.current;
    this.#heads.set(key, { namespace, release, current, revisions: (known?.revisions ?? 0) + 1 });
  }

  /** Sorted by namespace and name. */
  heads(): readonly ReleaseHead[] {
    return [...this.#heads].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, head]) => head);
  }
}

function isNewer(record: StoredRecord, than: StoredRecord): boolean {
  const isDeployed = record.status === 'deployed';
  return isDeployed === (than.status === 'deployed') ? record.revision > than.revision : isDeployed;
}

/** `release NAMESPACE/NAME revision N`: where a failure is. */
export function recordText({ namespace, release, revision }: Pick<StoredRecord, 'namespace' | 'release' | 'revision'>): string {
  return `release ${namespace}/${release} revision ${revision}`;
}
