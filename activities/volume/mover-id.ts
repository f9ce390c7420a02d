import { createHash } from 'node:crypto';

/** Names the mover of one volume in one run: the same in every attempt, and no other run's. */
export function moverId(runId: string, volume: { readonly namespace: string; readonly claim: string }): string {
  return createHash('sha256').update(`${runId}/${volume.namespace}/${volume.claim}`).digest('hex').slice(0, 20);
}
