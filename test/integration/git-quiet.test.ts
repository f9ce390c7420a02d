import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { liveState } from '../../activities/git/git-source.ts';
import { syncToGit } from '../../activities/git/sync-to-git.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { charts, testRemote, type TestRemote } from '../support/git-remotes.ts';
import { configMap, deployment, namespace, service } from '../support/objects.ts';
import { RawApi, until, type PlainObject } from '../support/raw-api.ts';
import { startTestCluster, type Stoppable } from '../support/sandbox-env.ts';

const LEASE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'leader', namespace: 'shop' },
  spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
};
const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
const HPA = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { minReplicas: 1, maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
};
const LEADER = configMap('shop', 'leader', {}, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{"renewTime":1}' } });
const TOKEN = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'tok', namespace: 'shop', annotations: { 'kubernetes.io/service-account.name': 'default' } },
  type: 'kubernetes.io/service-account-token',
};
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

describe('a busy cluster', () => {
  let sandbox: Sandbox & Stoppable;
  let api: RawApi;
  let cluster: Cluster;
  let bare: BareRepository;
  let made: TestRemote;

  beforeAll(async () => {
    [sandbox, bare] = await Promise.all([startTestCluster(), BareRepository.make()]);
    api = await RawApi.open(sandbox.kubeconfigPath);
    cluster = await connectCluster({ name: sandbox.context, kubeconfig: sandbox.kubeconfigPath, context: '' });
    made = await testRemote({ url: bare.folder });
    await api.create(namespace('shop'));
    for (const object of [
      NODE,
      deployment('shop', 'web'),
      service('shop', 'web', { selector: { app: 'web' }, ports: [{ port: 80 }] }),
      HPA,
      LEASE,
      LEADER,
      TOKEN,
    ])
      await api.create(object);
    await until('there is a pod', async () => (await podsOf()).length === 1);
  }, 240_000);

  afterAll(async () => {
    await cluster.close();
    api.close();
    await sandbox.stop();
    await Promise.all([bare.remove(), made.remove()]);
  }, 60_000);

  const podsOf = async () =>
    (await api.json('GET', '/api/v1/namespaces/shop/pods'))['items'] as unknown as { metadata: { name: string } }[];
  const sync = () => {
    const pulse = { beat: () => undefined, signal: new AbortController().signal };
    const input = { cluster: 'prod', remote: 'test', selection: SELECT_ALL, source: { live: true as const } };
    return syncToGit({
      remote: made.remote,
      cluster: 'prod',
      takeOver: false,
      charts,
      pulse,
      state: () => liveState(cluster, input, pulse.signal),
    });
  };
  const now = () => new Date().toISOString();
  /** As the kubelet would say it. */
  const run = async (name: string, ip: string) => {
    const status = {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now() }],
    };
    await api.json('POST', `/api/v1/namespaces/shop/pods/${name}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    });
    await api.json('PATCH', `/api/v1/namespaces/shop/pods/${name}/status`, { status }, { 'content-type': 'application/merge-patch+json' });
  };
  const addresses = async () =>
    JSON.stringify(((await api.json('GET', SLICES)) as { items: PlainObject[] }).items.map((slice) => slice['endpoints']));

  it('makes no commit while its controllers, its autoscaler and its machines work, and one when a person does', async () => {
    const first = await sync();
    expect(first).toMatchObject({ errors: [], changed: 0 });
    const files = await bare.files('prod');
    expect(files).toEqual(
      expect.arrayContaining([
        'shop/deployments.apps/web.yaml',
        'shop/horizontalpodautoscalers.autoscaling/web.yaml',
        '_cluster/namespaces/shop.yaml',
      ]),
    );
    expect(
      files.filter((path) =>
        /\/(pods|replicasets|leases|events|endpoints|endpointslices|nodes|secrets|controllerrevisions)[./]/.test(path),
      ),
    ).toEqual([]);
    expect(await bare.read('prod', 'shop/deployments.apps/web.yaml')).not.toContain('replicas:');

    // The autoscaler scales, the machine runs the pods, the Service follows them, leases and heartbeats are renewed, events are written.
    await api.mergePatch(deployment('shop', 'web'), { spec: { replicas: 3 } });
    await until('there are three pods', async () => (await podsOf()).length === 3);
    for (const [index, { metadata }] of (await podsOf()).entries()) await run(metadata.name, `10.0.0.${index + 1}`);
    await until('the Service follows', async () => {
      const listed = await addresses();
      return ['10.0.0.1', '10.0.0.2', '10.0.0.3'].every((ip) => listed.includes(ip));
    });
    await api.mergePatch(LEASE, { spec: { renewTime: '2026-01-02T03:04:05.000006Z', holderIdentity: 'b' } });
    await api.mergePatch(LEADER, { metadata: { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{"renewTime":2}' } } });
    await api.mergePatch(
      NODE,
      { status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: now(), lastTransitionTime: now() }] } },
      '/status',
    );
    await until(
      'the deployment is ready',
      async () => ((await api.read(deployment('shop', 'web')))?.['status'] as { readyReplicas?: number }).readyReplicas === 3,
    );
    await until(
      'there are events',
      async () => ((await api.json('GET', '/api/v1/namespaces/shop/events'))['items'] as unknown[]).length > 0,
    );
    expect(await sync()).toMatchObject({ commit: '', files: first.files });

    await api.mergePatch(deployment('shop', 'web'), { spec: { template: { spec: { terminationGracePeriodSeconds: 5 } } } });
    expect(await sync()).toMatchObject({ created: 0, changed: 1, deleted: 0 });
    expect(await bare.message('prod')).toContain('changed Deployment shop/web');
    // The rollout has its own bookkeeping.
    await until(
      'a new set of pods is made',
      async () => ((await api.json('GET', '/apis/apps/v1/namespaces/shop/replicasets'))['items'] as unknown[]).length === 2,
    );
    expect(await sync()).toMatchObject({ commit: '' });
    expect(await bare.commits('prod')).toHaveLength(2);
  }, 180_000);
});
