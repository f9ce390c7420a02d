import type { PausePlan, PlanPauseInput } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import { SCALED_DOWN } from '../../domain/volume/scaled-down.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { QuiescePlugin, Workload } from '../../plugins/plugin.ts';
import { PODS, WORKLOADS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';

interface PausePlanning {
  readonly cluster: Cluster;
  /** Scales workloads down and up. */
  readonly plugin: QuiescePlugin;
  readonly input: PlanPauseInput;
  readonly signal: AbortSignal;
}

/**
 * Which workloads have to stop before volumes that exist are written to, and which claims are mounted by pods that no workload can stop. A
 * workload that an earlier run has scaled down and left so is among them: it is scaled up again with the others. Reads only.
 */
export async function planPause(planning: PausePlanning): Promise<PausePlan> {
  const { restore, volumes } = planning.input;
  const byNamespace = Map.groupBy(volumes, ({ namespace }) => mapNamespace(restore.options.namespaceMapping, namespace));
  const plans = await Promise.all(
    [...byNamespace].map(([namespace, own]) => planNamespace(planning, namespace, new Set(own.map(({ claim }) => claim)))),
  );
  return { tasks: plans.flatMap(({ tasks }) => tasks), blocked: plans.flatMap(({ blocked }) => blocked) };
}

async function planNamespace(
  { cluster, plugin, signal }: PausePlanning,
  namespace: string,
  claims: ReadonlySet<string>,
): Promise<PausePlan> {
  const pods = (await listAll(cluster, { type: PODS, namespace }, signal)).filter(
    (pod) => isActive(pod) && claimsOf(pod).some((claim) => claims.has(claim)),
  );
  const lists = await Promise.all(
    WORKLOADS.map(async (type) => (await listAll(cluster, { type, namespace }, signal)).map((object) => ({ type, object }))),
  );
  const workloads = lists.flat();
  const users = pods.flatMap((pod) => above(pod, workloads));
  const left = workloads.filter(({ object }) => textAt(object, 'metadata', 'annotations', SCALED_DOWN) !== '');
  const tasks = plugin.plan({ namespace, pods, workloads: [...new Set([...users, ...left])], claims: [], methods: {} });
  const stopped = new Set(pods.filter((pod) => above(pod, workloads).length > 0));
  const blocked = pods
    .filter((pod) => !stopped.has(pod))
    .flatMap((pod) =>
      claimsOf(pod)
        .filter((claim) => claims.has(claim))
        .map((claim) => ({ namespace, claim, reason: blockedBy(pod) })),
    );
  return { tasks, blocked };
}

function blockedBy(pod: JsonObject): string {
  return `pod ${textAt(pod, 'metadata', 'name')} mounts it and no Deployment, StatefulSet or ReplicaSet can be scaled down to stop it: delete the pod, and restore again`;
}

function above(object: JsonObject, workloads: readonly Workload[]): readonly Workload[] {
  const owner = listAt(object, 'metadata', 'ownerReferences').find((reference) => textAt(reference, 'kind') !== '');
  const found = workloads.find(
    ({ type, object: workload }) => type.kind === textAt(owner, 'kind') && textAt(workload, 'metadata', 'name') === textAt(owner, 'name'),
  );
  return found ? [found, ...above(found.object, workloads)] : [];
}

function isActive(pod: JsonObject): boolean {
  return !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
}

function claimsOf(pod: JsonObject): readonly string[] {
  return listAt(pod, 'spec', 'volumes').map((volume) => textAt(volume, 'persistentVolumeClaim', 'claimName'));
}
