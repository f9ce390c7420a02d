import { Context } from '@temporalio/activity';

/** How often a working activity reports. The heartbeat timeout in workflows/activity-options.ts is a multiple of it. */
const INTERVAL_MS = 1_000;
/** Without progress for this long an activity stops reporting, so that Temporal takes it for hung and tries again. */
const STALLED_MS = 180_000;

/** What a long piece of work is given: tell it of progress, and stop when the signal says so. */
export interface Pulse {
  /** Something was achieved; `details` is where a retry may resume, small and without secrets. */
  readonly beat: (details?: unknown) => void;
  readonly signal: AbortSignal;
  /** What the previous attempt last said, or undefined. A hint: check it against reality. */
  readonly resumeFrom: unknown;
}

/** Runs the work with heartbeats tied to its progress, and hands it Temporal's cancellation. */
export async function withPulse<T>(work: (pulse: Pulse) => Promise<T>): Promise<T> {
  const context = Context.current();
  let details: unknown = context.info.heartbeatDetails;
  let progressAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - progressAt < STALLED_MS) context.heartbeat(details);
  }, INTERVAL_MS);
  const pulse: Pulse = {
    beat: (next) => {
      progressAt = performance.now();
      if (next !== undefined) details = next;
    },
    signal: context.cancellationSignal,
    resumeFrom: context.info.heartbeatDetails,
  };
  try {
    context.heartbeat(details);
    return await work(pulse);
  } finally {
    clearInterval(timer);
  }
}
