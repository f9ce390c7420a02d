import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import { isBuiltinGroup } from '../../domain/resource/builtin.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { NAMESPACES } from '../capture/builtin-types.ts';
import type { ApplyContext } from './apply-object.ts';
import { fieldManager } from './field-manager.ts';

const POLL_MS = 250;
/** How long a new CRD's resources may answer 404 although it is Established: its handlers follow within seconds. */
const SERVED_AFTER_MS = 15_000;

/**
 * Creates an object; false when there is one of that name. Waits out what passes by itself: an object or namespace of that name that is
 * still being deleted, a custom resource whose definition is not served yet. A missing namespace is made.
 */
export async function create(ref: ObjectRef, object: JsonObject, context: ApplyContext): Promise<boolean> {
  const { session, signal } = context;
  const began = performance.now();
  for (;;) {
    const refusal = await attempt(ref, object, context);
    if (refusal === undefined) return true;
    const patience = await patienceWith(refusal, ref, context);
    if (patience === 'exists') return false;
    if (performance.now() - began > Math.min(patience, session.restore.options.readinessTimeoutMs)) {
      throw refusal.type === FailureType.AlreadyExists ? stillThere(ref) : refusal;
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Undefined when the object was created. */
async function attempt(ref: ObjectRef, object: JsonObject, { session, signal }: ApplyContext): Promise<HoldfastError | undefined> {
  try {
    await session.cluster.create(ref, object, { fieldManager: fieldManager(session.restore.name), signal });
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

/** For how many milliseconds a refusal is worth trying again; -1 when it will not pass, `exists` when the object simply is there. */
async function patienceWith(refusal: HoldfastError, ref: ObjectRef, context: ApplyContext): Promise<number | 'exists'> {
  if (refusal.type === FailureType.AlreadyExists) return (await isBeingDeleted(ref, context)) ? Infinity : 'exists';
  if (refusal.type === FailureType.NotFound) {
    if (ref.namespace !== '' && (await ensureNamespace(ref.namespace, context))) return Infinity;
    // A new definition is established some seconds before its handlers answer.
    return isBuiltinGroup(ref.type.group) ? -1 : SERVED_AFTER_MS;
  }
  // A namespace that terminates refuses new objects until it is gone.
  return refusal.message.includes('because it is being terminated') ? Infinity : -1;
}

/** Deletes one incarnation and waits until it is gone. */
export async function remove(ref: ObjectRef, uid: string, { session, signal }: ApplyContext): Promise<void> {
  const deadline = performance.now() + session.restore.options.readinessTimeoutMs;
  await session.cluster.delete(ref, { uid, signal });
  for (;;) {
    const live = await session.cluster.get(ref, { signal });
    if (live === undefined || textAt(live.object, 'metadata', 'uid') !== uid) return;
    if (performance.now() > deadline) throw stillThere(ref);
    await delay(POLL_MS, undefined, { signal });
  }
}

/** True when the namespace was missing and has been made: the objects of a backup without its Namespace must have a home. */
async function ensureNamespace(name: string, { session, signal }: ApplyContext): Promise<boolean> {
  const ref: ObjectRef = { type: NAMESPACES, namespace: '', name };
  if ((await session.cluster.get(ref, { signal })) !== undefined) return false;
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  try {
    await session.cluster.create(ref, namespace, { fieldManager: fieldManager(session.restore.name), signal });
  } catch (error) {
    if (!(error instanceof HoldfastError && error.type === FailureType.AlreadyExists)) throw error;
  }
  return true;
}

async function isBeingDeleted(ref: ObjectRef, { session, signal }: ApplyContext): Promise<boolean> {
  const live = await session.cluster.get(ref, { signal });
  return live === undefined || textAt(live.object, 'metadata', 'deletionTimestamp') !== '';
}

function stillThere(ref: ObjectRef): HoldfastError {
  return new HoldfastError(FailureType.Conflict, `${ref.type.resource} ${ref.namespace}/${ref.name} is still being deleted`, {
    advice: `see its finalizers with \`kubectl get ${ref.type.resource} ${ref.name} -o yaml\`, then restore again`,
  });
}
