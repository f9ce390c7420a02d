import type { FileKind } from '../check/report.ts';
import type { Fate, GcRow } from './report.ts';

/** One object, or several that share everything, for the account of a collection. */
export interface AccountItem {
  readonly kind: FileKind;
  readonly fate: Fate;
  readonly objects: number;
  readonly bytes: number;
  readonly unneededBytes?: number;
  readonly until?: string;
}

const FATES: readonly Fate[] = ['needed', 'partly-needed', 'young', 'condemned', 'spare', 'locked', 'foreign', 'deleted'];
const KINDS: readonly FileKind[] = ['packs', 'indexes', 'manifests', 'records', 'condemned', 'keys', 'config', 'volumes', 'foreign'];

/** Sums up by kind and fate. Nothing gets lost on the way: objects and bytes of the rows are those of the items. */
export function rowsOf(items: Iterable<AccountItem>): GcRow[] {
  const rows = new Map<string, GcRow>();
  for (const item of items) {
    if (item.objects === 0) continue;
    const key = `${item.kind}/${item.fate}`;
    const { kind, fate, objects, bytes, unneededBytes = 0, until = '' } = item;
    const row = rows.get(key);
    rows.set(key, row ? add(row, item) : { kind, fate, objects, bytes, unneededBytes, until });
  }
  return [...rows.values()].sort((a, b) => FATES.indexOf(a.fate) - FATES.indexOf(b.fate) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
}

function add(row: GcRow, { objects, bytes, unneededBytes = 0, until = '' }: AccountItem): GcRow {
  return {
    ...row,
    objects: row.objects + objects,
    bytes: row.bytes + bytes,
    unneededBytes: row.unneededBytes + unneededBytes,
    until: earlier(row.until, until),
  };
}

function earlier(a: string, b: string): string {
  if (a === '' || b === '') return a || b;
  return a < b ? a : b;
}
