import type { ApplyBatchInput, ApplyBatchResult } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { objectId } from '../../domain/resource/identity.ts';
import { concernsItselfOnly } from '../give-up.ts';
import type { Pulse } from '../heartbeat.ts';
import { applyObject, WIDTH, type ApplyContext, type Outcome } from './apply-object.ts';
import { chunks } from './chunks.ts';
import { inFlight } from './in-flight.ts';
import { capturedOf, isLost, type LostObject } from './lost-objects.ts';
import { readItems, segmentsOf, type CapturedObject, type RestoreSession } from './restore-session.ts';
import { Tally } from './tally.ts';

/** Objects between two checkpoints: large enough to keep `WIDTH` requests under way, small enough to lose little. */
const CHUNK = 250;

/** Applies one batch. What cannot be read is an entry in the list, and the rest is applied. A retry goes on behind what the last attempt reported as done, and recognises what it had done beyond that. */
export async function applyBatch(session: RestoreSession, input: ApplyBatchInput, pulse: Pulse): Promise<ApplyBatchResult> {
  const context: ApplyContext = { session, serverTime: input.serverTime, signal: pulse.signal };
  const tally = Tally.resume(pulse.resumeFrom);
  let skip = tally.done;
  for await (const items of chunks(readItems(session.repository, segmentsOf(session, input.batch), pulse.signal), CHUNK)) {
    const rest = items.slice(skip);
    skip = Math.max(0, skip - items.length);
    await session.owners.learn(
      capturedOf(rest).map(({ object }) => object),
      pulse.signal,
    );
    const outcomes = await inFlight(rest, WIDTH, async (item) => {
      const outcome = isLost(item) ? lossOf(item) : await orError(item, context);
      pulse.beat();
      return outcome;
    });
    for (const outcome of outcomes) tally.add(outcome);
    pulse.beat(tally.checkpoint());
  }
  return tally.result();
}

/** One entry in the list for all objects of a segment. */
function lossOf({ run, first }: LostObject): Issue | 'failed' {
  return first ? run.issue : 'failed';
}

/** An object that the API server refuses is an entry in the list; a server that does not answer ends the attempt. */
async function orError(captured: CapturedObject, context: ApplyContext): Promise<Outcome | Issue | undefined> {
  try {
    return await applyObject(captured, context);
  } catch (error) {
    const { cluster } = context.session;
    if (!(error instanceof HoldfastError) || context.signal.aborted) throw error;
    if (!(await concernsItselfOnly(cluster, error, context.signal))) throw error;
    const object = objectId(captured.object, captured.type);
    return { code: error.type, message: error.message, object, ...(error.advice === '' ? {} : { advice: error.advice }) };
  }
}
