import type { RestoreBatch } from '../../contracts/activities.ts';

/** Groups neighbouring batches into stretches of about `objects` objects, each batch in exactly one. */
export function stretches(batches: readonly RestoreBatch[], objects: number): readonly (readonly RestoreBatch[])[] {
  const groups: RestoreBatch[][] = [];
  let size = Infinity;
  for (const batch of batches) {
    if (size + batch.objects > objects) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(batch);
    size += batch.objects;
  }
  return groups;
}
