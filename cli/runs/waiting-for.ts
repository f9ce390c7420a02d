import type { WorkflowHandle } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';

/** Temporal's PENDING_ACTIVITY_STATE_STARTED: an attempt is going on. */
const STARTED = 2;

/**
 * Why a run does not get on: what the activities said that have failed and are tried again, each reason once, as one line with advice. Empty
 * while all goes well, and when Temporal does not answer.
 */
export async function waitingFor(handle: WorkflowHandle): Promise<readonly string[]> {
  try {
    const { pendingActivities } = (await handle.describe()).raw;
    const converter = handle.client.options.loadedDataConverter;
    const failures = await Promise.all(
      (pendingActivities ?? []).map(async ({ lastFailure, state }) => {
        const failure = await decodeOptionalFailureToOptionalError(converter, lastFailure);
        return failure && reasonOf(failure, Number(state) === STARTED);
      }),
    );
    return [...new Set(failures.filter((reason) => reason !== undefined))].sort();
  } catch {
    // It is an addition to what else is shown, which must not depend on it.
    return [];
  }
}

/**
 * A worker that died shows as a timeout, whose cause is the failure before, if there was one. When another one is at work by now, nobody
 * waits for a worker any more.
 */
function reasonOf(failure: Error, isAtWork: boolean): string | undefined {
  if (!(failure instanceof TimeoutFailure)) return failure.message;
  if (failure.cause instanceof Error) return reasonOf(failure.cause, isAtWork);
  return isAtWork ? undefined : `no worker has answered in time (${failure.message})`;
}
