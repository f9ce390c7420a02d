import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { scaleDownPlugin } from '../../plugins/scale-down.ts';
import { pluginContext, pod, stateOf } from '../support/plugin-context.ts';
import { merge, workloadCluster } from '../support/workload-cluster.ts';

const type = (kind: string): ResourceType => ({ group: 'apps', version: 'v1', kind, resource: `${kind.toLowerCase()}s`, namespaced: true });
const workload = (name: string, replicas?: number, owner?: { kind: string; name: string }): JsonObject => ({
  metadata: { name, namespace: 'shop', ...(owner ? { ownerReferences: [{ ...owner, controller: true }] } : {}) },
  spec: { ...(replicas === undefined ? {} : { replicas }), selector: { matchLabels: { app: name } } },
});
const SET = { type: type('StatefulSet'), object: workload('web', 3) };
const planOne = () =>
  scaleDownPlugin.plan({
    namespace: 'shop',
    pods: [
      pod('web-0', { claim: 'b', owner: { kind: 'StatefulSet', name: 'web' } }),
      pod('web-1', { claim: 'a', owner: { kind: 'StatefulSet', name: 'web' } }),
    ],
    workloads: [SET],
    claims: [],
    methods: {},
  })[0]!;
const annotation = (object: JsonObject) => textAt(object, 'metadata', 'annotations', 'holdfast.dev/scaled-down');
const replicas = (object: JsonObject) => (object['spec'] as JsonObject)['replicas'];

describe('the scale-down plugin', () => {
  it('plans the workload that nothing else scales, with the claims of all its pods', () => {
    expect(planOne()).toMatchObject({
      id: 'scale-down/shop/statefulsets.web',
      application: 'web',
      claims: ['a', 'b'],
      guarantee: 'application',
    });
    const pods = [pod('d-1-x', { owner: { kind: 'ReplicaSet', name: 'd-1' } })];
    const workloads = [
      { type: type('ReplicaSet'), object: workload('d-1', 1, { kind: 'Deployment', name: 'd' }) },
      { type: type('Deployment'), object: workload('d', 1) },
    ];
    const tasks = scaleDownPlugin.plan({ namespace: 'shop', pods, workloads, claims: [], methods: {} });
    expect(tasks.map(({ id, claims }) => [id, claims])).toStrictEqual([['scale-down/shop/deployments.d', ['data']]]);
  });

  it('writes the count in the request that changes it, waits for the pods, and scales up again', async () => {
    const cluster = workloadCluster(SET.object);
    const { context } = pluginContext(cluster);
    const task = planOne();
    const outcome = await scaleDownPlugin.quiesce(task, context);
    expect(cluster.patches).toHaveLength(1);
    expect([replicas(cluster.workload), annotation(cluster.workload)]).toStrictEqual([0, '{"run":"run-1","replicas":3}']);
    await scaleDownPlugin.renew(task, stateOf(task, outcome), context);
    expect(await scaleDownPlugin.release(task, stateOf(task, outcome), context)).toStrictEqual({ state: {}, warnings: [] });
    expect([replicas(cluster.workload), annotation(cluster.workload)]).toStrictEqual([3, '']);
    // The answer was lost: the same again.
    expect(await scaleDownPlugin.release(task, stateOf(task, outcome), context)).toStrictEqual({ state: {}, warnings: [] });
    expect(cluster.patches).toHaveLength(2);
  });

  it('a retry at any point, with others writing in between, never loses the count', async () => {
    const cluster = workloadCluster(workload('web'));
    const { context } = pluginContext(cluster);
    const task = planOne();
    let interference = 3;
    cluster.beforePatch = () => {
      if (interference > 0) cluster.workload = merge(cluster.workload, { metadata: { resourceVersion: `other-${interference}` } });
      interference -= 1;
    };
    await scaleDownPlugin.quiesce(task, context);
    const again = await scaleDownPlugin.quiesce(task, context);
    await scaleDownPlugin.release(task, stateOf(task, again), context);
    expect(replicas(cluster.workload)).toBe(1);
  });

  it('lets go when the pods do not stop', async () => {
    const cluster = workloadCluster(SET.object, { stops: false });
    const { context } = pluginContext(cluster);
    await expect(scaleDownPlugin.quiesce({ ...planOne(), timeoutSeconds: 1 }, context)).rejects.toMatchObject({
      type: 'Conflict',
      message: 'scale-down of shop/web: web-0 did not stop within 1 s',
    });
    expect([replicas(cluster.workload), annotation(cluster.workload)]).toStrictEqual([3, '']);
  });

  it('takes over from a run that died, with its count; and that run, if it lives, is told', async () => {
    const cluster = workloadCluster(SET.object);
    const task = planOne();
    const dead = pluginContext(cluster, 'dead').context;
    const deadState = stateOf(task, await scaleDownPlugin.quiesce(task, dead));
    const { context } = pluginContext(cluster);
    const state = stateOf(task, await scaleDownPlugin.quiesce(task, context));
    expect(state.state).toStrictEqual({ replicas: 3 });
    await expect(scaleDownPlugin.renew(task, deadState, dead)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await scaleDownPlugin.release(task, deadState, dead)).toMatchObject({ broken: true });
    expect(replicas(cluster.workload)).toBe(0);
    await scaleDownPlugin.release(task, state, context);
    expect(replicas(cluster.workload)).toBe(3);
  });

  it('says when somebody has scaled it up meanwhile, and leaves their count', async () => {
    const cluster = workloadCluster(SET.object);
    const { context } = pluginContext(cluster);
    const task = planOne();
    const state = stateOf(task, await scaleDownPlugin.quiesce(task, context));
    cluster.workload = merge(cluster.workload, { spec: { replicas: 5 } });
    await expect(scaleDownPlugin.renew(task, state, context)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await scaleDownPlugin.release(task, state, context)).toMatchObject({ broken: true, warnings: [{ code: 'QuiesceLost' }] });
    expect([replicas(cluster.workload), annotation(cluster.workload)]).toStrictEqual([5, '']);
  });

  it('names autoscalers and whoever controls the workload', async () => {
    const autoscalers = [
      { metadata: { name: 'web-hpa' }, spec: { scaleTargetRef: { kind: 'StatefulSet', name: 'web' } } },
      { metadata: { name: 'other' }, spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' } } },
    ];
    const cluster = workloadCluster(workload('web', 3, { kind: 'Kafka', name: 'k' }), { autoscalers });
    const { warnings } = await scaleDownPlugin.quiesce(planOne(), pluginContext(cluster).context);
    expect(warnings.map(({ code }) => code)).toStrictEqual(['Controlled', 'Autoscaled']);
    expect(warnings[1]?.message).toContain('web-hpa');
  });
});
