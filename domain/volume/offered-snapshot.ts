import type { JsonObject } from '../../contracts/json.ts';

/** Name of the VolumeSnapshot that a restore makes for a claim whose data is a kept snapshot. Restores of other names have others. */
export function offeredSnapshot(restore: string, { claim }: { readonly claim: string }): string {
  return `holdfast-${restore}-${claim}`.slice(0, 253).replace(/[^a-z0-9]+$/, '');
}

/** The claim, to be made from that snapshot. */
export function madeFrom(claim: JsonObject, snapshot: string): JsonObject {
  const spec = Object.entries((claim['spec'] ?? {}) as JsonObject).filter(([key]) => key !== 'dataSourceRef' && key !== 'volumeName');
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot };
  // The API server fills in the other field of the two; with both, what is asked for is what is there.
  return { ...claim, spec: { ...Object.fromEntries(spec), dataSource, dataSourceRef: dataSource } };
}
