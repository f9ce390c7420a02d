import type { Pulse } from '../heartbeat.ts';
import { applyObject, type ApplyContext } from '../apply/apply-object.ts';
import { readObjects, type CapturedObject, type RestoreSession } from '../apply/restore-session.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { ownersOf } from '../../domain/resource/ownership.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { concernsItselfOnly } from '../give-up.ts';
import { initContainersFor } from './plan-hooks.ts';

/**
 * Creates the captured pods that get init containers, before their workloads: those find them, take them over, and make no others in their place. A
 * pod whose controller is in the cluster already is left to it. Safe to repeat.
 */
export async function createHookedPods(session: RestoreSession, serverTime: string, pulse: Pulse): Promise<void> {
  const { context } = session;
  const forced = { ...session, context: { ...context, options: { ...context.options, includeControlled: true } } };
  const applying: ApplyContext = { session: forced, serverTime, signal: pulse.signal };
  const segments = session.ordered.filter(({ type }) => resourceKey(type) === 'pods');
  for await (const pods of readObjects(session.repository, segments, pulse.signal)) {
    const hooked = pods.filter(
      ({ object, type }) => context.selection.takes(object, type) && initContainersFor(object, session).length > 0,
    );
    await session.owners.learn(
      hooked.map(({ object }) => object),
      pulse.signal,
    );
    for (const pod of hooked.filter((one) => !isControlled(one, session))) {
      pulse.beat();
      await createUnlessRefused(pod, applying);
    }
  }
}

function isControlled({ object }: CapturedObject, { owners }: RestoreSession): boolean {
  const controller = ownersOf(object).find((owner) => owner.controller);
  return controller !== undefined && owners.uidOf(controller, textAt(object, 'metadata', 'namespace')) !== undefined;
}

/** A refusal is met again where the pod, or its workload, has its turn, and told there. */
async function createUnlessRefused(pod: CapturedObject, applying: ApplyContext): Promise<void> {
  try {
    await applyObject(pod, applying);
  } catch (error) {
    if (!(error instanceof HoldfastError) || applying.signal.aborted) throw error;
    if (!(await concernsItselfOnly(applying.session.cluster, error, applying.signal))) throw error;
  }
}
