import type { ResourceType } from '../../contracts/resource.ts';

const GROUP = { group: 'snapshot.storage.k8s.io', version: 'v1' };

export const VOLUME_SNAPSHOTS: ResourceType = { ...GROUP, kind: 'VolumeSnapshot', resource: 'volumesnapshots', namespaced: true };
export const SNAPSHOT_CONTENTS: ResourceType = {
  ...GROUP,
  kind: 'VolumeSnapshotContent',
  resource: 'volumesnapshotcontents',
  namespaced: false,
};
