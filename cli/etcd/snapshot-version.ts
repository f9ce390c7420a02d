import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { TOOLS } from '../../sandbox/tool-catalogue.ts';

const NODES: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
/** The versions of a cluster's kubelets are few; whoever looks at so many nodes has seen them. */
const NODES_LOOKED_AT = 500;

/**
 * Refuses a version with a newer minor number than that of our API server, which would not know what the newer one has stored. `BadInput`. A text
 * that holds no version says nothing.
 */
export function refuseNewerVersion(version: string, source: string, ours: string = TOOLS['kube-apiserver'].module.version): void {
  const [theirs, own] = [minorOf(version), minorOf(ours)];
  if (theirs === undefined || own === undefined || theirs <= own) return;
  throw new HoldfastError(
    FailureType.BadInput,
    `the snapshot is of Kubernetes ${version} (${source}), newer than our API server's ${ours}`,
    {
      advice: 'open it with a Holdfast that brings that version; `holdfast etcd restore` takes a snapshot of any version',
    },
  );
}

/** What the snapshot itself says about its version: kubelets, which are never newer than their API server, and kubeadm. */
export async function refuseNewerSnapshot(cluster: Cluster, ours?: string): Promise<void> {
  const request = { type: NODES, namespace: '', labelSelector: '', limit: NODES_LOOKED_AT, exactRevision: '', continueToken: '' };
  for (const { object } of (await cluster.listPage(request)).items) {
    refuseNewerVersion(
      textAt(object, 'status', 'nodeInfo', 'kubeletVersion'),
      `kubelet of node ${textAt(object, 'metadata', 'name')}`,
      ours,
    );
  }
  const kubeadm = await cluster.get({ type: CONFIG_MAPS, namespace: 'kube-system', name: 'kubeadm-config' });
  const [, version = ''] = /^kubernetesVersion:\s*(\S+)/m.exec(textAt(kubeadm?.object, 'data', 'ClusterConfiguration')) ?? [];
  refuseNewerVersion(version, "kubeadm's configuration", ours);
}

/** Major and minor as one number that grows: `v1.37.2` is 1037. */
function minorOf(version: string): number | undefined {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? undefined : Number(major) * 1000 + Number(minor);
}
