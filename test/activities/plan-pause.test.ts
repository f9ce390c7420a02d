import { describe, expect, it } from '@jest/globals';
import { planPause } from '../../activities/volume/plan-pause.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { scaleDownPlugin } from '../../plugins/scale-down.ts';
import { RESTORE } from '../support/fake-activities.ts';
import { listingCluster } from '../support/fake-cluster.ts';

const volume = (claim: string): CapturedVolume => ({
  namespace: 'was',
  claim,
  volume: `pv-${claim}`,
  storageClass: '',
  driver: '',
  capacityBytes: 1,
  accessModes: [],
  volumeMode: 'Filesystem',
  method: 'file-system',
  consistency: 'none',
  startedAt: '1',
  completedAt: '2',
});
const owned = (kind: string, name: string) => ({ ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }] });
const pod = (name: string, claim: string, more: { readonly owner?: JsonObject; readonly phase?: string } = {}): JsonObject => ({
  metadata: { namespace: 'is', name, ...more.owner },
  spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: claim } }] },
  status: { phase: more.phase ?? 'Running' },
});
const workload = (name: string, metadata: JsonObject = {}, replicas = 2): JsonObject => ({
  metadata: { namespace: 'is', name, ...metadata },
  spec: { replicas, selector: { matchLabels: { app: name } } },
});

function plan(objects: Readonly<Record<string, readonly JsonObject[]>>, ...claims: readonly string[]) {
  const restore = { ...RESTORE, options: { ...RESTORE.options, namespaceMapping: { was: 'is' } } };
  return planPause({
    cluster: listingCluster(new Map(Object.entries(objects))),
    plugin: scaleDownPlugin,
    input: { restore, volumes: claims.map(volume) },
    signal: new AbortController().signal,
  });
}

describe('what has to stop before a restore in place', () => {
  it('are the topmost workloads of the pods that mount the volumes, in the namespace that is restored to', async () => {
    const { tasks, blocked } = await plan(
      {
        pods: [
          pod('web-1-a', 'files', { owner: owned('ReplicaSet', 'web-1') }),
          pod('db-0', 'other', { owner: owned('StatefulSet', 'db') }),
        ],
        replicasets: [workload('web-1', owned('Deployment', 'web'))],
        deployments: [workload('web'), workload('idle')],
        statefulsets: [workload('db')],
      },
      'files',
    );
    expect(tasks).toMatchObject([
      { plugin: 'scale-down', namespace: 'is', application: 'web', claims: ['files'], settings: { kind: 'Deployment' } },
    ]);
    expect(blocked).toEqual([]);
  });

  it('are not pods of their own, nor those of other kinds: their volumes are not touched', async () => {
    const { tasks, blocked } = await plan(
      {
        pods: [
          pod('alone', 'files'),
          pod('agent-x', 'logs', { owner: owned('DaemonSet', 'agent') }),
          pod('done', 'old', { phase: 'Succeeded' }),
        ],
      },
      'files',
      'logs',
      'old',
    );
    expect(tasks).toEqual([]);
    expect(blocked.map(({ namespace, claim, reason }) => [namespace, claim, reason.split(' ', 2).join(' ')])).toEqual([
      ['is', 'files', 'pod alone'],
      ['is', 'logs', 'pod agent-x'],
    ]);
  });

  it('are also workloads that an earlier run has left scaled down', async () => {
    const left = workload('web', { annotations: { 'holdfast.dev/scaled-down': '{"run":"earlier","replicas":3}' } }, 0);
    expect((await plan({ deployments: [left, workload('idle', {}, 0)] }, 'files')).tasks).toMatchObject([
      { application: 'web', claims: [] },
    ]);
  });
});
