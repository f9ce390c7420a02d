import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectId, ResourceType } from '../../contracts/resource.ts';
import { ConflictPolicy, RestoreAction } from '../../contracts/restore.ts';
import type { RestoreOptions } from '../../contracts/restore.ts';
import { initContainersOf, withInitContainers } from '../hooks/init-containers.ts';
import { compareObjects } from '../resource/compare.ts';
import { textAt } from '../resource/fields.ts';
import { objectId, resourceKey } from '../resource/identity.ts';
import { controlledReason } from '../resource/ownership.ts';
import type { Owner } from '../resource/ownership.ts';
import { sanitise } from '../resource/sanitise.ts';
import type { SelectionMatcher } from '../selection/verdict.ts';
import { madeFrom } from '../volume/offered-snapshot.ts';
import { mapNamespaces } from './mapping.ts';
import { neverRestored } from './never-restored.ts';
import { gateReason } from './policy-gate.ts';
import { keptOnReplace } from './replace.ts';
import { changeStorage, isLeftBehind } from './storage-mapping.ts';
import { provisionedAnew } from './volume-reuse.ts';

const LEFT_BEHIND = 'its claim gets a new volume, of the class and size that were asked for';

/** What the plan of one object needs to know about the whole restore. */
export interface RestoreContext {
  readonly options: RestoreOptions;
  readonly selection: SelectionMatcher;
  /** Is the owner restored, or in the cluster? `namespace` is the captured one of the owned object; the owner may be cluster-scoped. */
  ownerPresent(owner: Owner, namespace: string): boolean;
  /** Will this persistent volume be in the cluster, so that a claim may name it? Not when it is `provisionedAnew` and not live. */
  restoresVolume(name: string): boolean;
  /** Does this restore bring the data of that captured claim? */
  refills(namespace: string, claim: string): boolean;
  /** Name of the VolumeSnapshot that a captured claim is made from; '' for a claim that is made empty. */
  snapshotOf(namespace: string, claim: string): string;
}

interface PlanRequest {
  /** As stored. */
  readonly captured: JsonObject;
  readonly type: ResourceType;
  /** The object at `targetRef()`; undefined when the cluster has none. */
  readonly live: JsonObject | undefined;
  readonly context: RestoreContext;
}

export interface ObjectPlan {
  readonly action: RestoreAction;
  /** As it will be in the cluster. */
  readonly object: ObjectId;
  readonly reason?: string;
  /** What to write; present for create, update and replace. Without owner references: `withOwners` adds them. */
  readonly desired?: JsonObject;
  /** JSON pointers of the fields in which the live object differs, at most 20. */
  readonly differs?: readonly string[];
}

/**
 * What a restore does with one object; undefined when the selection does not take it. `restore plan`, applying and verifying all ask here,
 * so they cannot disagree. An object that is live and equal is `unchanged`, whatever the policy gate thinks of it; the gate refuses writes.
 */
export function planObject(request: PlanRequest): ObjectPlan | undefined {
  const settled = planWithoutLive(request);
  if (settled !== LIVE_NEEDED) return settled;
  const { captured, type, live, context } = request;
  const mapped = asAskedFor(request);
  const object = objectId(mapped, type);
  if (live === undefined) {
    const reason = provisionedAnew(captured, type, context);
    if (reason !== '') return { action: RestoreAction.Omit, object, reason };
    return refusal(request, object) ?? { action: RestoreAction.Create, object, desired: desiredState(request, mapped) };
  }
  const { equal, fields } = compareObjects(mapped, live, {
    type,
    preserveNodePorts: context.options.preserveNodePorts,
    ownerPresent: presentOwner(request),
  });
  if (equal) return { action: RestoreAction.Unchanged, object };
  return planDiffering(request, { mapped, object, differs: fields });
}

export const LIVE_NEEDED = 'live-needed';

/** The plan as far as the live object does not matter: undefined (not selected), omitted, or `LIVE_NEEDED`. Saves reading the object. */
export function planWithoutLive({ captured, type, context }: Omit<PlanRequest, 'live'>): ObjectPlan | undefined | typeof LIVE_NEEDED {
  if (!context.selection.takes(captured, type)) return undefined;
  const controlled = (): string =>
    context.options.includeControlled ? '' : controlledReason(captured, type, presentOwner({ captured, context }));
  const replaced = (): string => (isLeftBehind(captured, type, context.options) ? LEFT_BEHIND : '');
  const reason = neverRestored(captured, type) || replaced() || controlled();
  if (reason === '') return LIVE_NEEDED;
  return { action: RestoreAction.Omit, object: objectId(mapNamespaces(captured, type, context.options.namespaceMapping), type), reason };
}

interface Differing {
  readonly mapped: JsonObject;
  readonly object: ObjectId;
  readonly differs: readonly string[];
}

/** The cluster has the object, and it is not as captured. */
function planDiffering(request: PlanRequest, { mapped, object, differs }: Differing): ObjectPlan {
  const { type, context } = request;
  const policy = context.options.conflictPolicy;
  if (policy === ConflictPolicy.Skip) return { action: RestoreAction.Skip, object, differs, reason: 'the cluster has it, and it differs' };
  const refused = refusal(request, object);
  if (refused !== undefined) return { ...refused, differs };
  if (policy === ConflictPolicy.Fail)
    return { action: RestoreAction.Conflict, object, differs, reason: 'the cluster has it, and it differs' };
  const desired = desiredState(request, mapped);
  if (policy === ConflictPolicy.Update) return { action: RestoreAction.Update, object, desired, differs };
  const kept = keptOnReplace(request.live ?? {}, type);
  if (kept !== '') return { action: RestoreAction.Update, object, desired, differs, reason: kept };
  return { action: RestoreAction.Replace, object, desired, differs };
}

function refusal({ captured, type, context }: PlanRequest, object: ObjectId): ObjectPlan | undefined {
  if (context.selection.namesObject(captured, type)) return undefined;
  const reason = gateReason(captured, type, {
    allow: context.options.allow,
    restoresNamespace: (namespace) => context.selection.takesNamespace(namespace),
  });
  return reason === '' ? undefined : { action: RestoreAction.Refuse, object, reason };
}

/** The captured object where, and on what storage, it shall be. */
function asAskedFor(request: PlanRequest): JsonObject {
  const { captured, type, context } = request;
  const { options } = context;
  const mapped = mapNamespaces(changeStorage(captured, type, options), type, options.namespaceMapping);
  if (resourceKey(type) !== 'pods') return fromSnapshot(request, mapped);
  return withInitContainers(mapped, initContainersOf(mapped, textAt(mapped, 'metadata', 'namespace'), options.hooks ?? []));
}

/** A claim whose data is a kept snapshot is made from it; everything else as it is. */
function fromSnapshot({ captured, type, context }: PlanRequest, mapped: JsonObject): JsonObject {
  if (resourceKey(type) !== 'persistentvolumeclaims') return mapped;
  const snapshot = context.snapshotOf(textAt(captured, 'metadata', 'namespace'), textAt(captured, 'metadata', 'name'));
  return snapshot === '' ? mapped : madeFrom(mapped, snapshot);
}

function desiredState({ type, context }: PlanRequest, mapped: JsonObject): JsonObject {
  return sanitise(mapped, type, {
    preserveNodePorts: context.options.preserveNodePorts,
    restoresVolume: (name) => context.restoresVolume(name),
  });
}

function presentOwner({ captured, context }: Pick<PlanRequest, 'captured' | 'context'>): (owner: Owner) => boolean {
  const namespace = textAt(captured, 'metadata', 'namespace');
  return (owner) => context.ownerPresent(owner, namespace);
}
