import type { CapturedKind } from '../../contracts/manifest.ts';

/** Sums what several batches captured, kind by kind, ordered by group and plural name. A reason for leaving the revision is kept. */
export function mergeKinds(a: readonly CapturedKind[], b: readonly CapturedKind[]): readonly CapturedKind[] {
  const merged = new Map<string, CapturedKind>();
  for (const kind of [...a, ...b]) {
    const key = `${kind.type.group}/${kind.type.resource}`;
    const known = merged.get(key);
    merged.set(key, known ? sum(known, kind) : kind);
  }
  return [...merged.entries()].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, kind]) => kind);
}

function sum(a: CapturedKind, b: CapturedKind): CapturedKind {
  const reason = a.fallbackReason ?? b.fallbackReason;
  const latest = b.fallbackReason === undefined ? a.revision : b.revision;
  return {
    type: a.type,
    count: a.count + b.count,
    bytes: a.bytes + b.bytes,
    revision: latest,
    ...(reason === undefined ? {} : { fallbackReason: reason }),
  };
}
