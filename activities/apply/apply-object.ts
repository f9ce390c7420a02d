import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import { RestoreAction } from '../../contracts/restore.ts';
import { planObject, type ObjectPlan } from '../../domain/plan/restore-plan.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { ownersOf, withOwners } from '../../domain/resource/ownership.ts';
import { create, remove } from './create-object.ts';
import { fieldManager, isOwnWork } from './field-manager.ts';
import type { CapturedObject, RestoreSession } from './restore-session.ts';

/** Requests of one batch under way at the same time; the cluster's own limit adapts below that. */
export const WIDTH = 64;

/** What became of one object; undefined when the selection does not take it. */
export interface Outcome {
  readonly action: RestoreAction;
  /** Some of its owners are not there yet: their references must be added later. */
  readonly unlinked: boolean;
  readonly warning?: Issue;
  readonly error?: Issue;
}

export interface ApplyContext {
  readonly session: RestoreSession;
  readonly serverTime: string;
  readonly signal: AbortSignal;
}

/**
 * Brings one object into the cluster as the plan says. It is created at once, without looking first: most restores go into empty
 * namespaces, and what is there already answers for itself.
 */
export async function applyObject(captured: CapturedObject, context: ApplyContext): Promise<Outcome | undefined> {
  const { session } = context;
  const blind = planObject({ captured: captured.object, type: captured.type, live: undefined, context: session.context });
  if (blind === undefined) return undefined;
  if (blind.action === RestoreAction.Omit) return { action: blind.action, unlinked: false };
  if (blind.action === RestoreAction.Create) {
    const linked = link(captured, blind, session);
    const created = await create(refOf(captured, blind), linked.object, context);
    if (created) return { action: RestoreAction.Create, unlinked: linked.unlinked, ...linked.note };
  }
  return meet(captured, blind, context);
}

/** The object is there already, or may not be created: what it looks like decides. */
async function meet(captured: CapturedObject, blind: ObjectPlan, context: ApplyContext): Promise<Outcome> {
  const { session, serverTime, signal } = context;
  const live = (await session.cluster.get(refOf(captured, blind), { signal }))?.object;
  if (live !== undefined && isOwnWork(live, session.restore.name, serverTime)) {
    return { action: RestoreAction.Create, unlinked: link(captured, blind, session).unlinked };
  }
  const plan = planObject({ captured: captured.object, type: captured.type, live, context: session.context }) ?? blind;
  // Deleted between the two requests: once more, from the beginning.
  if (plan.action === RestoreAction.Create) return (await applyObject(captured, context)) ?? left(RestoreAction.Omit);
  if (plan.action === RestoreAction.Unchanged) await rebind(refOf(captured, plan), live, context);
  return carryOut(captured, { plan, live }, context);
}

/** What the cluster has, and what is to be done about it. */
interface Met {
  readonly plan: ObjectPlan;
  readonly live: JsonObject | undefined;
}

function left(action: RestoreAction): Outcome {
  return { action, unlinked: false };
}

async function carryOut(captured: CapturedObject, { plan, live }: Met, context: ApplyContext): Promise<Outcome> {
  switch (plan.action) {
    case RestoreAction.Replace:
      await remove(refOf(captured, plan), textAt(live, 'metadata', 'uid'), context);
      return write(captured, plan, context);
    case RestoreAction.Create:
    case RestoreAction.Update:
      return write(captured, plan, context);
    case RestoreAction.Conflict:
      return { ...left(plan.action), error: issueOf(plan, 'Conflict', 'is in the cluster and differs from the backup') };
    case RestoreAction.Refuse:
      return { ...left(plan.action), warning: issueOf(plan, 'Refused', plan.reason ?? 'refused by the policy gate') };
    case RestoreAction.Skip:
    case RestoreAction.Unchanged:
    case RestoreAction.Omit:
      return left(plan.action);
  }
}

/** A volume that outlived its claim waits for the old claim's uid; without it the restored claim can bind. */
async function rebind(ref: ObjectRef, live: JsonObject | undefined, { session, signal }: ApplyContext): Promise<void> {
  if (resourceKey(ref.type) !== 'persistentvolumes' || textAt(live, 'status', 'phase') !== 'Released') return;
  const patch = { spec: { claimRef: { uid: null, resourceVersion: null } } };
  await session.cluster.patch(ref, patch, { fieldManager: fieldManager(session.restore.name), signal });
}

async function write(captured: CapturedObject, plan: ObjectPlan, context: ApplyContext): Promise<Outcome> {
  const { session, signal } = context;
  const linked = link(captured, plan, session);
  const ref = refOf(captured, plan);
  if (plan.action === RestoreAction.Update) {
    await session.cluster.apply(ref, linked.object, { fieldManager: fieldManager(session.restore.name), signal });
  } else if (!(await create(ref, linked.object, context))) {
    throw new HoldfastError(
      FailureType.Conflict,
      `${ref.type.resource} ${ref.namespace}/${ref.name} was made again by somebody else while it was replaced`,
    );
  }
  return { action: plan.action, unlinked: linked.unlinked, ...linked.note };
}

interface LinkedObject {
  readonly object: JsonObject;
  readonly unlinked: boolean;
  readonly note: { readonly warning?: Issue };
}

/** The desired object with the owner references that can be set now. */
function link(captured: CapturedObject, plan: ObjectPlan, { owners }: RestoreSession): LinkedObject {
  const desired = plan.desired ?? {};
  if (ownersOf(captured.object).length === 0) return { object: desired, unlinked: false, note: {} };
  const source = textAt(captured.object, 'metadata', 'namespace');
  const { object, missing } = withOwners(desired, captured.object, (owner) => owners.uidOf(owner, source));
  const coming = missing.filter((owner) => owners.restored(owner, source));
  const [lost] = missing.filter((owner) => !owners.restored(owner, source));
  const note = lost
    ? { warning: issueOf(plan, 'OwnerMissing', `its owner ${lost.kind} ${lost.name} is neither in this restore nor in the cluster`) }
    : {};
  return { object, unlinked: coming.length > 0, note };
}

/** Where the object goes: the captured kind at the planned place. */
export function refOf(captured: CapturedObject, plan: ObjectPlan): ObjectRef {
  return { type: captured.type, namespace: plan.object.namespace, name: plan.object.name };
}

function issueOf({ object }: ObjectPlan, code: string, what: string): Issue {
  const place = object.namespace === '' ? object.name : `${object.namespace}/${object.name}`;
  return { code, message: `${object.kind} ${place}: ${what}`, object };
}
