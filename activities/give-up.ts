import { Context } from '@temporalio/activity';
import { FailureType, type HoldfastError } from '../contracts/failures.ts';
import type { Cluster } from '../kubernetes/port.ts';

/** Attempts of an activity before a single kind or object is given up for the sake of the others. */
const PATIENCE_ATTEMPTS = 4;

/**
 * Whether a failed request concerns only its own kind or object. A refusal does, and will not pass. A server that does not answer may come
 * back: only after some attempts, and only when the API server as a whole answers, the fault is taken to be of this kind or object alone.
 */
export async function concernsItselfOnly(cluster: Cluster, error: HoldfastError, signal: AbortSignal): Promise<boolean> {
  if (error.type !== FailureType.Unavailable) return true;
  if (Context.current().info.attempt < PATIENCE_ATTEMPTS) return false;
  return cluster.now({ signal }).then(
    () => true,
    () => false,
  );
}
