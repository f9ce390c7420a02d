import { createHash } from 'node:crypto';
import type { JsonObject } from '../../contracts/json.ts';
import { moverId } from './mover-id.ts';

/** On everything that a run makes in a cluster for its own use; its value names the run. */
export const RUN_LABEL = 'holdfast.dev/run';

/** On claims while a group of snapshots is made of them; its value names the group. */
export const GROUP_LABEL = 'holdfast.dev/cut-with';

/** A run as a label's value. */
export function runLabel(runId: string): string {
  return createHash('sha256').update(runId).digest('hex').slice(0, 20);
}

/** Metadata of what a run makes for one volume: the same in every attempt. Backups leave out what bears it. */
export function temporaryMetadata(runId: string, volume: { readonly namespace: string; readonly claim: string }): JsonObject {
  return {
    name: temporaryName(runId, volume),
    namespace: volume.namespace,
    labels: {
      'app.kubernetes.io/managed-by': 'holdfast',
      'velero.io/exclude-from-backup': 'true',
      [RUN_LABEL]: runLabel(runId),
    },
    annotations: { 'holdfast.dev/claim': volume.claim },
  };
}

export function temporaryName(runId: string, volume: { readonly namespace: string; readonly claim: string }): string {
  return `holdfast-${moverId(runId, volume)}`;
}

/** A group as a label's value. */
export function groupMember(runId: string, group: { readonly namespace: string; readonly claim: string }): string {
  return moverId(runId, group);
}
