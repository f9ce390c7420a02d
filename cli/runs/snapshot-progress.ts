import type { WorkflowHandle } from '@temporalio/client';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import type { EtcdCaptureProgress } from '../../contracts/etcd-backup.ts';
import { bytes } from '../output/quantities.ts';
import type { RunProgress } from './follow-run.ts';

/**
 * How far the streaming of an etcd snapshot is, from the heartbeats of the activity: the workflow itself learns of it at the end only. Undefined for
 * everything else, and between attempts.
 */
export async function streamedBy(handle: WorkflowHandle, progress: RunProgress): Promise<string | undefined> {
  if (!('snapshotBytes' in progress) || progress.snapshotBytes > 0) return undefined;
  const { pendingActivities } = (await handle.describe()).raw;
  const converter = handle.client.options.loadedDataConverter;
  for (const { heartbeatDetails } of pendingActivities ?? []) {
    const details = await decodeFromPayloadsAtIndex<Partial<EtcdCaptureProgress> | undefined>(converter, 0, heartbeatDetails?.payloads);
    const { streamedBytes, databaseBytes = 0 } = details ?? {};
    if (streamedBytes !== undefined) return `${bytes(streamedBytes)} of ${bytes(Math.max(databaseBytes, streamedBytes))}`;
  }
  return undefined;
}
