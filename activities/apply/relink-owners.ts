import type { ApplyBatchInput, ApplyBatchResult } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { emptyCounts } from '../../domain/plan/outcome.ts';
import { planObject } from '../../domain/plan/restore-plan.ts';
import { field, listAt, textAt } from '../../domain/resource/fields.ts';
import { ownersOf, withOwners } from '../../domain/resource/ownership.ts';
import type { Pulse } from '../heartbeat.ts';
import { refOf, WIDTH } from './apply-object.ts';
import { fieldManager, mayBeOwnWork } from './field-manager.ts';
import { inFlight } from './in-flight.ts';
import { readObjects, segmentsOf, type CapturedObject, type RestoreSession } from './restore-session.ts';

/** Adds the owner references of objects that came before their owners. Only to what this restore created; repeating it changes nothing. */
export async function relinkOwners(session: RestoreSession, input: ApplyBatchInput, pulse: Pulse): Promise<ApplyBatchResult> {
  const warnings: Issue[] = [];
  for await (const objects of readObjects(session.repository, segmentsOf(session, input.batch), pulse.signal)) {
    const owned = objects.filter(({ object }) => ownersOf(object).length > 0);
    await session.owners.learn(
      owned.map(({ object }) => object),
      pulse.signal,
    );
    const found = await inFlight(owned, WIDTH, (captured) => relink({ captured, session, input, signal: pulse.signal }));
    warnings.push(...found.filter((issue) => issue !== undefined));
    pulse.beat();
  }
  return { counts: emptyCounts(), failed: 0, unlinked: 0, warnings, errors: [] };
}

interface Relink {
  readonly captured: CapturedObject;
  readonly session: RestoreSession;
  readonly input: ApplyBatchInput;
  readonly signal: AbortSignal;
}

async function relink({ captured, session, input, signal }: Relink): Promise<Issue | undefined> {
  const plan = planObject({ captured: captured.object, type: captured.type, live: undefined, context: session.context });
  if (plan === undefined) return undefined;
  const ref = refOf(captured, plan);
  const live = (await session.cluster.get(ref, { signal }))?.object;
  if (live === undefined || !mayBeOwnWork(live, session.restore.name, input.serverTime)) return undefined;

  const source = textAt(captured.object, 'metadata', 'namespace');
  const { object, missing } = withOwners({ metadata: {} }, captured.object, (owner) => session.owners.uidOf(owner, source));
  const ownerReferences = listAt(object, 'metadata', 'ownerReferences');
  if (ownerReferences.length > listAt(live, 'metadata', 'ownerReferences').length) {
    const resourceVersion = field(live, 'metadata', 'resourceVersion') ?? '';
    try {
      await session.cluster.patch(
        ref,
        { metadata: { resourceVersion, ownerReferences } },
        { fieldManager: fieldManager(session.restore.name), signal },
      );
    } catch (error) {
      if (!(error instanceof HoldfastError && error.type === FailureType.Conflict)) throw error;
      // Changed meanwhile by its controller: look again.
      return relink({ captured, session, input, signal });
    }
  }
  const [lost] = missing;
  if (lost === undefined) return undefined;
  return {
    code: 'OwnerMissing',
    message: `${plan.object.kind} ${plan.object.name}: its owner ${lost.kind} ${lost.name} did not come back`,
    object: plan.object,
  };
}
