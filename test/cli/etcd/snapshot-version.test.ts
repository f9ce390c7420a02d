import { describe, expect, it } from '@jest/globals';
import { refuseNewerSnapshot, refuseNewerVersion } from '../../../cli/etcd/snapshot-version.ts';
import { snapshotWarnings } from '../../../cli/etcd/snapshot-warnings.ts';
import type { JsonObject } from '../../../contracts/json.ts';
import type { Cluster } from '../../../kubernetes/port.ts';
import type { Sandbox } from '../../../sandbox/control-plane.ts';
import { listingCluster } from '../../support/fake-cluster.ts';

const node = (name: string, kubeletVersion: string): JsonObject => ({ metadata: { name }, status: { nodeInfo: { kubeletVersion } } });

function clusterWith(nodes: readonly JsonObject[], kubeadm = ''): Cluster {
  const data = { ClusterConfiguration: kubeadm };
  const object = kubeadm === '' ? undefined : { object: { data }, bytes: Buffer.alloc(0) };
  return { ...listingCluster(new Map([['nodes', nodes]])), get: () => Promise.resolve(object) };
}

describe('the version of a snapshot', () => {
  it.each([
    ['v1.36.9', '1.37.2'],
    ['v1.37.11-gke.100', '1.37.2'],
    ['', '1.37.2'],
    ['v0.99.0', '1.37.2'],
  ])('%s is no newer minor than %s', (version, ours) => {
    expect(() => {
      refuseNewerVersion(version, 'as the backup says', ours);
    }).not.toThrow();
  });

  it.each([
    ['v1.38.0', '1.37.2'],
    ['v1.100.0', '1.37.2'],
    ['2.0.0', '1.37.2'],
  ])('%s is newer than %s, and refused', (version, ours) => {
    expect(() => {
      refuseNewerVersion(version, 'as the backup says', ours);
    }).toThrow(`the snapshot is of Kubernetes ${version} (as the backup says), newer than our API server's ${ours}`);
  });

  it("is also that of its kubelets and of kubeadm's configuration", async () => {
    const old = node('one', 'v1.36.0');
    await refuseNewerSnapshot(clusterWith([old], 'kind: ClusterConfiguration\nkubernetesVersion: v1.37.0\n'), '1.37.2');
    await expect(refuseNewerSnapshot(clusterWith([old, node('two', 'v1.38.1')]), '1.37.2')).rejects.toThrow('(kubelet of node two)');
    await expect(refuseNewerSnapshot(clusterWith([old], 'kubernetesVersion: v1.38.0'), '1.37.2')).rejects.toThrow(
      "(kubeadm's configuration)",
    );
  });
});

describe('what cannot be read of a snapshot', () => {
  const sandbox = (provider: string): Sandbox => ({
    name: 'etcd-nightly',
    folder: '',
    kubeconfigPath: '',
    context: '',
    apiServer: '',
    opened: { backup: 'nightly', unreadable: [{ resource: 'secrets', provider, key: 'key1' }] },
  });
  const definitions = Array.from({ length: 501 }, (_, index): JsonObject => {
    return { metadata: { name: `kind-${index}` }, spec: index === 500 ? { conversion: { strategy: 'Webhook' } } : {} };
  });
  const cluster: Cluster = {
    ...listingCluster(new Map([['customresourcedefinitions', definitions]])),
    discover: () => Promise.resolve({ types: [], unavailable: [{ groupVersion: 'metrics.k8s.io/v1beta1', reason: 'stale' }] }),
  };

  it('is said with what to do, for each reason', async () => {
    expect(await snapshotWarnings(cluster, sandbox('aescbc'))).toEqual([
      'encrypted at rest, and not to be read: secrets (aescbc, key "key1"); give --encryption-config with the file that kube-apiserver gets as --encryption-provider-config',
      "metrics.k8s.io/v1beta1 is served by an API server of the cluster's own, which is not here",
      'kind-500 is converted by a webhook, which is not here: objects that are stored in another version cannot be read',
    ]);
  });

  it('stays so where a kms plugin has encrypted it', async () => {
    const [first] = await snapshotWarnings(cluster, sandbox('kms'));
    expect(first).toMatch(/; what a kms plugin has encrypted can only be read where the plugin runs$/);
  });
});
