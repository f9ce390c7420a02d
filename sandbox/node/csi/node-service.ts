import { NODE_NAME } from '../node-place.ts';
import { invalid, notFound } from './csi-error.ts';
import { TOPOLOGY } from './driver-name.ts';
import type { DriverState } from './driver-state.ts';
import type { PublishRequest, UnpublishRequest } from './messages.ts';
import { mountDevice, mountFolder, releaseDevice, unmount } from './mount-volume.ts';

/** Volumes where pods need them. Runs among the node's mounts. */
export function nodeService(state: DriverState) {
  return {
    NodeGetCapabilities: () => Promise.resolve({ capabilities: [] }),
    NodeGetInfo: () => Promise.resolve({ node_id: NODE_NAME, accessible_topology: TOPOLOGY }),
    NodePublishVolume: (request: PublishRequest) => state.inTurn(() => publish(state, request)),
    NodeUnpublishVolume: (request: UnpublishRequest) => state.inTurn(() => unpublish(state, request)),
  };
}

async function publish(state: DriverState, { volume_id: id, target_path: target, volume_capability: as, readonly }: PublishRequest) {
  if (!target.startsWith('/')) throw invalid('a volume is mounted at an absolute path');
  const volume = await state.volumes.read(id);
  if (volume === undefined) throw notFound('volume', id);
  if ((as?.access_type === 'block') !== volume.isBlock) throw invalid(`volume ${id} is ${volume.isBlock ? 'a device' : 'a folder'}`);
  const content = state.volumes.contentOf(id);
  await state.publications.add(id, target);
  if (volume.isBlock) await mountDevice(content, target);
  else await mountFolder(content, target, readonly);
  return {};
}

async function unpublish(state: DriverState, { volume_id: id, target_path: target }: UnpublishRequest) {
  if (!target.startsWith('/')) throw invalid('a volume is mounted at an absolute path');
  await unmount(target);
  await state.publications.remove(id, target);
  const volume = await state.volumes.read(id);
  if (volume?.isBlock === true && (await state.publications.targetsOf(id)).length === 0) await releaseDevice(state.volumes.contentOf(id));
  return {};
}
