import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { QuiesceState, QuiesceTask } from '../contracts/quiesce.ts';
import type { ObjectRef, ResourceType } from '../contracts/resource.ts';
import { field, listAt, objectAt, textAt } from '../domain/resource/fields.ts';
import { selectorText } from '../domain/selection/selector-text.ts';
import { SCALED_DOWN } from '../domain/volume/scaled-down.ts';
import { taskLimits } from './annotations.ts';
import { autoscalerWarnings } from './autoscalers.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin, QuiesceSubject, Workload } from './plugin.ts';
import { nameOf } from './pod-containers.ts';
import { forRelease, releaseAfter } from './run-command.ts';
import { readRecord, replicasOf, writeRecord } from './scale-record.ts';
import { describeTask, taskFailure, taskId, taskWarning } from './task.ts';
import { controllerOf, workloadsAbove } from './workloads.ts';

const NAME = 'scale-down';
const TIMEOUT_S = 300;
const POLL_MS = 500;
/** Others write to a workload too: its controller its status, above all. */
const ATTEMPTS = 10;
const PODS: ResourceType = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true };

/**
 * Stops a workload while it is captured. How many replicas it had is written on the object in the request that changes the count, so that no
 * retry and no crash loses it. No lease: docs/plugins/scale-down.md.
 */
export const scaleDownPlugin: QuiescePlugin = {
  name: NAME,
  detects: () => false,
  plan: (subject) => topWorkloads(subject).map((workload) => planWorkload(subject, workload)),
  quiesce,
  renew: checkHeld,
  release,
};

/** Workloads that no other of them makes. */
function topWorkloads(subject: QuiesceSubject): readonly Workload[] {
  return subject.workloads.filter(({ object }) => workloadsAbove(object, subject).length === 0);
}

function planWorkload(subject: QuiesceSubject, { type, object }: Workload): QuiesceTask {
  const name = nameOf(object);
  const pods = subject.pods.filter((pod) => workloadsAbove(pod, subject).some((above) => above.object === object));
  const claims = pods
    .flatMap((pod) => listAt(pod, 'spec', 'volumes'))
    .map((volume) => textAt(volume, 'persistentVolumeClaim', 'claimName'));
  return {
    id: taskId(NAME, subject.namespace, `${type.resource}.${name}`),
    plugin: NAME,
    namespace: subject.namespace,
    application: name,
    settings: { kind: type.kind, resource: type.resource, version: type.version, name },
    ...taskLimits([object], { timeoutSeconds: TIMEOUT_S }),
    claims: [...new Set(claims)].filter((claim) => claim !== '').sort(),
    guarantee: 'application',
  };
}

async function quiesce(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome> {
  const deadline = performance.now() + task.timeoutSeconds * 1_000;
  const workload = await change(task, context, (object) => scaledDown(object, context.run));
  if (!workload) throw new HoldfastError(FailureType.NotFound, `${describeTask(task)}: it is gone`);
  try {
    await awaitNoPods(task, context, { selector: selectorText(objectAt(workload, 'spec', 'selector')), deadline });
    const { kind, name } = identity(task);
    const warnings = [...operatorWarnings(task, workload), ...(await autoscalerWarnings(task, context, { kind, name }))];
    return { state: { replicas: readRecord(workload)?.replicas ?? 0 }, warnings };
  } catch (error) {
    return releaseAfter(error, task, () => release(task, undefined, forRelease(context, task.timeoutSeconds)));
  }
}

/** An earlier run's record is taken over with its count: that run finds at its release that it no longer holds the workload. */
function scaledDown(object: JsonObject, run: string): JsonObject | undefined {
  const record = readRecord(object);
  const replicas = replicasOf(object);
  if (record?.run === run && replicas === 0) return undefined;
  const earlier = record !== undefined && replicas === 0 ? record.replicas : replicas;
  return { metadata: { annotations: { [SCALED_DOWN]: writeRecord({ run, replicas: earlier }) } }, spec: { replicas: 0 } };
}

async function release(task: QuiesceTask, state: QuiesceState | undefined, context: PluginContext): Promise<QuiesceOutcome> {
  const seen = { problem: 'it is gone' };
  await change(task, context, (object) => {
    const record = readRecord(object);
    const replicas = replicasOf(object);
    if (record?.run !== context.run) {
      // Without any record and at its old count it is as an earlier attempt of this release left it.
      const wasReleased = !record && replicas === field(state?.state, 'replicas');
      seen.problem = wasReleased ? '' : 'another run or person took it over during the capture';
      return undefined;
    }
    seen.problem = replicas === 0 ? '' : 'it was scaled up during the capture';
    // A count that somebody else has set meanwhile is their decision.
    const spec = replicas === 0 ? { spec: { replicas: record.replicas } } : {};
    return { metadata: { annotations: { [SCALED_DOWN]: null } }, ...spec };
  });
  if (!state || seen.problem === '') return { state: {}, warnings: [] };
  return { state: {}, warnings: [notHeld(task, seen.problem)], broken: true };
}

async function checkHeld(task: QuiesceTask, _state: unknown, context: PluginContext): Promise<void> {
  const raw = await context.cluster.get(refOf(task), { signal: context.signal });
  const held = raw && readRecord(raw.object)?.run === context.run && replicasOf(raw.object) === 0;
  if (!held) throw taskFailure(task, 'it is no longer scaled down by this run', 'find out who scaled it up, and back up again');
}

/**
 * Patches the workload as `patchFor` says from what it is now, and only that version of it. Gives it as it is then; undefined when it does not
 * exist.
 */
async function change(
  task: QuiesceTask,
  { cluster, signal, beat }: PluginContext,
  patchFor: (object: JsonObject) => JsonObject | undefined,
): Promise<JsonObject | undefined> {
  const ref = refOf(task);
  for (let attempt = 1; ; attempt += 1) {
    beat();
    const raw = await cluster.get(ref, { signal });
    if (!raw) return undefined;
    const patch = patchFor(raw.object);
    if (!patch) return raw.object;
    const metadata = { ...(patch['metadata'] as JsonObject), resourceVersion: textAt(raw.object, 'metadata', 'resourceVersion') };
    try {
      return await cluster.patch(ref, { ...patch, metadata }, { fieldManager: 'holdfast', signal });
    } catch (error) {
      if (error instanceof HoldfastError && error.type === FailureType.NotFound) return undefined;
      if (!(error instanceof HoldfastError && error.type === FailureType.Conflict) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function awaitNoPods(
  task: QuiesceTask,
  { cluster, signal, beat }: PluginContext,
  { selector, deadline }: { readonly selector: string; readonly deadline: number },
): Promise<void> {
  const request = { type: PODS, namespace: task.namespace, labelSelector: selector, limit: 500, exactRevision: '', continueToken: '' };
  for (;;) {
    beat();
    const { items } = await cluster.listPage(request, { signal });
    const left = items.map(({ object }) => object).filter((pod) => !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase')));
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      const names = left.slice(0, 3).map(nameOf).join(', ');
      throw taskFailure(task, `${names} did not stop within ${task.timeoutSeconds} s`, 'look why, or allow more time by annotation');
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

function operatorWarnings(task: QuiesceTask, workload: JsonObject): readonly Issue[] {
  const owner = controllerOf(workload);
  if (!owner) return [];
  const problem = `${owner.kind} ${owner.name} controls it, and may scale it up again`;
  return [taskWarning(task, { code: 'Controlled', problem, advice: 'use a plugin or the means of its operator instead' })];
}

function notHeld(task: QuiesceTask, problem: string): Issue {
  return taskWarning(task, { code: 'QuiesceLost', problem, advice: 'keep others from scaling it during backups, and back up again' });
}

function identity({ settings }: QuiesceTask) {
  return { kind: textAt(settings, 'kind'), name: textAt(settings, 'name') };
}

function refOf(task: QuiesceTask): ObjectRef {
  const { kind, name } = identity(task);
  const { settings, namespace } = task;
  const type = { group: 'apps', version: textAt(settings, 'version'), kind, resource: textAt(settings, 'resource'), namespaced: true };
  return { type, namespace, name };
}
