import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, isObject, listAt, textAt } from '../../domain/resource/fields.ts';
import { ownersOf } from '../../domain/resource/ownership.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { PODS, WORKLOADS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import type { Pulse } from '../heartbeat.ts';

const POLL_MS = 1_000;

interface PodSearch {
  readonly cluster: Cluster;
  /** With the namespace as it is now. */
  readonly task: QuiesceTask;
  readonly timeoutMs: number;
  readonly pulse: Pick<Pulse, 'beat' | 'signal'>;
}

/**
 * Waits for a pod of a restored application whose container runs, and gives its name, a ready one's before others'. `Conflict` when there is
 * none in time.
 */
export async function awaitPod({ cluster, task, timeoutMs, pulse }: PodSearch): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    pulse.beat();
    const [best] = (await podsOf(cluster, task, pulse.signal))
      .filter((pod) => runs(pod, task))
      .sort((a, b) => Number(isReady(b, task)) - Number(isReady(a, task)));
    if (best) return textAt(best, 'metadata', 'name');
    if (performance.now() > deadline) throw noPod(task);
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
}

/** Those that its workload controls; the one of the same name without a workload, or in a StatefulSet, whose pods are not the same. */
async function podsOf(
  cluster: Cluster,
  { namespace, workload, settings }: QuiesceTask,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  if (!workload || workload.kind === 'StatefulSet') {
    const name = textAt(settings, 'pod');
    const pod = (await cluster.get({ type: PODS, namespace, name }, { signal }))?.object;
    return pod ? [pod] : [];
  }
  const pods = await listAll(cluster, { type: PODS, namespace }, signal);
  const between = new Set<string>([`${workload.kind}/${workload.name}`]);
  // From the workload downwards: a Deployment's pods belong to its ReplicaSets.
  for (const type of WORKLOADS) {
    for (const object of await listAll(cluster, { type, namespace }, signal)) {
      if (isBelow(object, between)) between.add(`${type.kind}/${textAt(object, 'metadata', 'name')}`);
    }
  }
  return pods.filter((pod) => isBelow(pod, between));
}

function isBelow(object: JsonObject, owners: ReadonlySet<string>): boolean {
  return ownersOf(object).some(({ controller, kind, name }) => controller && owners.has(`${kind}/${name}`));
}

function runs(pod: JsonObject, task: QuiesceTask): boolean {
  if (field(pod, 'metadata', 'deletionTimestamp') !== undefined) return false;
  return isReady(pod, task) || isObject(field(statusOf(pod, task), 'state', 'running'));
}

function isReady(pod: JsonObject, task: QuiesceTask): boolean {
  return field(statusOf(pod, task), 'ready') === true;
}

function statusOf(pod: JsonObject, { settings }: QuiesceTask): JsonObject {
  const wanted = textAt(settings, 'container') || textAt(listAt(pod, 'spec', 'containers')[0], 'name');
  const status = listAt(pod, 'status', 'containerStatuses').find((candidate) => textAt(candidate, 'name') === wanted);
  return isObject(status) ? status : {};
}

function noPod({ plugin, namespace, application, workload }: QuiesceTask): HoldfastError {
  const what = workload ? `a pod of ${workload.kind} ${namespace}/${workload.name}` : `the pod ${namespace}/${application}`;
  return new HoldfastError(FailureType.Conflict, `${plugin} of ${namespace}/${application}: ${what} does not run in time`, {
    advice: 'its data is still in the backup: when its pods run, restore once more, or allow more time with --readiness-timeout',
  });
}
