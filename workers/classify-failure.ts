import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { HoldfastError, RETRYABLE_FAILURES } from '../contracts/failures.ts';

/** An error that no code of ours foresaw is tried this often: it may be a hiccup, and if it is a bug the run must end. */
const UNEXPECTED_ATTEMPTS = 3;

/** The one place where errors become Temporal failures: type, retryability and, where a server asked for it, the delay. */
export class ClassifyFailures implements ActivityInboundCallsInterceptor {
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      throw classify(error);
    }
  }
}

function classify(error: unknown): unknown {
  const { cancellationSignal, info } = Context.current();
  if (error instanceof TemporalFailure) return error;
  if (cancellationSignal.aborted)
    return cancellationSignal.reason instanceof CancelledFailure ? cancellationSignal.reason : new CancelledFailure('cancelled');
  if (error instanceof HoldfastError) return fromHoldfast(error);
  return ApplicationFailure.create({
    type: 'Unexpected',
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    nonRetryable: info.attempt >= UNEXPECTED_ATTEMPTS,
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

function fromHoldfast(error: HoldfastError): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.type,
    message: error.advice === '' ? error.message : `${error.message}; ${error.advice}`,
    nonRetryable: !RETRYABLE_FAILURES.includes(error.type),
    ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
  });
}
