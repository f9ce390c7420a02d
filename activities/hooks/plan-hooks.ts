import type { HookTarget, RestoreHook } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { initContainersOf } from '../../domain/hooks/init-containers.ts';
import { restoreHooksOf } from '../../domain/hooks/restore-hooks.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { LIVE_NEEDED, planWithoutLive } from '../../domain/plan/restore-plan.ts';
import { objectAt, textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { ownersOf } from '../../domain/resource/ownership.ts';
import type { Pulse } from '../heartbeat.ts';
import { readObjects, type CapturedObject, type RestoreSession } from '../apply/restore-session.ts';

/** Kinds whose pods may have hooks. Jobs run once, and Velero gives their pods hooks as it does others. */
const HOOKED_KINDS: ReadonlySet<string> = new Set([
  'daemonsets.apps',
  'deployments.apps',
  'jobs.batch',
  'pods',
  'replicasets.apps',
  'replicationcontrollers',
  'statefulsets.apps',
]);

export interface PlannedHooks {
  readonly targets: readonly HookTarget[];
  /** Some captured pods get init containers. */
  readonly hasInitContainers: boolean;
}

/**
 * What is to be run in the pods that the restore brings back, itself or through their workloads: as the captured workloads and pods say, and
 * the rules of the restore.
 */
export async function planHooks(session: RestoreSession, pulse: Pick<Pulse, 'beat' | 'signal'>): Promise<PlannedHooks> {
  const targets = new Map<string, HookTarget>();
  const controllers = new Map<string, Controller>();
  const controlled: Hooked[] = [];
  let hasInitContainers = false;
  const segments = session.ordered.filter(({ type }) => HOOKED_KINDS.has(resourceKey(type)));
  for await (const objects of readObjects(session.repository, segments, pulse.signal)) {
    pulse.beat();
    const hooked: Hooked[] = [];
    for (const captured of objects.filter(({ object, type }) => session.context.selection.takes(object, type))) {
      const controller = controllerOf(captured.object);
      if (controller) controllers.set(keyOf(captured), controller);
      if (captured.type.kind === 'Pod' && initContainersFor(captured.object, session).length > 0) hasInitContainers = true;
      const hooks = hooksOf(captured, session);
      if (hooks.length > 0) hooked.push({ captured, hooks });
    }
    await session.owners.learn(
      hooked.map(({ captured }) => captured.object),
      pulse.signal,
    );
    for (const { captured, hooks } of hooked) {
      if (planWithoutLive({ captured: captured.object, type: captured.type, context: session.context }) === LIVE_NEEDED) {
        add(targets, targetOf(captured, session), hooks);
      } else if (captured.type.kind === 'Pod') controlled.push({ captured, hooks });
    }
  }
  // Somebody may have annotated a pod, and not the template that it was made from.
  for (const { captured, hooks } of controlled) add(targets, { ...targetOf(captured, session), ...topOf(captured, controllers) }, hooks);
  return { targets: [...targets.values()], hasInitContainers };
}

/** The init containers that a captured pod gets. */
export function initContainersFor(pod: JsonObject, { restore: { options } }: RestoreSession): readonly JsonObject[] {
  return initContainersOf(pod, mapNamespace(options.namespaceMapping, textAt(pod, 'metadata', 'namespace')), options.hooks ?? []);
}

interface Hooked {
  readonly captured: CapturedObject;
  readonly hooks: readonly RestoreHook[];
}

interface Controller {
  readonly kind: string;
  readonly name: string;
}

type Target = Omit<HookTarget, 'hooks'>;

function hooksOf({ object, type }: CapturedObject, { restore: { options } }: RestoreSession): readonly RestoreHook[] {
  if (type.kind === 'Pod' && ['Succeeded', 'Failed'].includes(textAt(object, 'status', 'phase'))) return [];
  const metadata = type.kind === 'Pod' ? objectAt(object, 'metadata') : objectAt(object, 'spec', 'template', 'metadata');
  const namespace = mapNamespace(options.namespaceMapping, textAt(object, 'metadata', 'namespace'));
  return restoreHooksOf(metadata, namespace, options.hooks ?? []);
}

function targetOf({ object, type }: CapturedObject, { restore: { options } }: RestoreSession): Target {
  const namespace = mapNamespace(options.namespaceMapping, textAt(object, 'metadata', 'namespace'));
  return { namespace, kind: type.kind, name: textAt(object, 'metadata', 'name') };
}

/** The same command once for each target, whoever asked for it. */
function add(targets: Map<string, HookTarget>, target: Target, hooks: readonly RestoreHook[]): void {
  const key = `${target.namespace}/${target.kind}/${target.name}`;
  const earlier = targets.get(key)?.hooks ?? [];
  const known = new Set(earlier.map((hook) => JSON.stringify(hook)));
  targets.set(key, { ...target, hooks: [...earlier, ...hooks.filter((hook) => !known.has(JSON.stringify(hook)))] });
}

function topOf(pod: CapturedObject, controllers: ReadonlyMap<string, Controller>): Controller {
  const namespace = textAt(pod.object, 'metadata', 'namespace');
  let top: Controller = { kind: 'Pod', name: textAt(pod.object, 'metadata', 'name') };
  // A chain of owners ends; two that own each other do not, and need no hooks.
  for (let steps = 0; steps < 5; steps += 1) {
    const next = controllers.get(`${namespace}/${top.kind}/${top.name}`);
    if (!next || !['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'ReplicationController'].includes(next.kind)) break;
    top = next;
  }
  return top;
}

function controllerOf(object: JsonObject): Controller | undefined {
  const owner = ownersOf(object).find(({ controller }) => controller);
  return owner && { kind: owner.kind, name: owner.name };
}

function keyOf({ object, type }: CapturedObject): string {
  return `${textAt(object, 'metadata', 'namespace')}/${type.kind}/${textAt(object, 'metadata', 'name')}`;
}
