import type { ResourceType } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';

const GROUP = { group: 'snapshot.storage.k8s.io', version: 'v1' };

export const VOLUME_SNAPSHOTS: ResourceType = { ...GROUP, kind: 'VolumeSnapshot', resource: 'volumesnapshots', namespaced: true };
export const SNAPSHOT_CONTENTS: ResourceType = {
  ...GROUP,
  kind: 'VolumeSnapshotContent',
  resource: 'volumesnapshotcontents',
  namespaced: false,
};

interface GroupKinds {
  readonly snapshots: ResourceType;
  readonly contents: ResourceType;
}

/** In the version that the cluster prefers, which has changed and will. Undefined where there are none. */
export async function groupKinds(cluster: Cluster, signal: AbortSignal): Promise<GroupKinds | undefined> {
  const { types } = await cluster.discover({ signal });
  const served = (name: string) => types.find(({ group, resource }) => group === 'groupsnapshot.storage.k8s.io' && resource === name);
  const [snapshots, contents] = [served('volumegroupsnapshots'), served('volumegroupsnapshotcontents')];
  return snapshots && contents && { snapshots, contents };
}
