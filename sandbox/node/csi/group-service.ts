import { status } from '@grpc/grpc-js';
import { CsiError, invalid, notFound } from './csi-error.ts';
import type { DriverState, GroupRecord, SnapshotRecord, VolumeRecord } from './driver-state.ts';
import type { CreateGroupRequest, GroupRequest } from './messages.ts';
import { snapshotMessage, timestamp } from './snapshot-service.ts';
import { atOneMoment, copyVolume } from './volume-source.ts';

const CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT = 1;

/** Snapshots of several volumes at one moment. */
export function groupService(state: DriverState) {
  return {
    GroupControllerGetCapabilities: () => Promise.resolve({ capabilities: [{ rpc: { type: CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT } }] }),
    CreateVolumeGroupSnapshot: (request: CreateGroupRequest) => state.inTurn(() => createGroup(state, request)),
    DeleteVolumeGroupSnapshot: (request: GroupRequest) => state.inTurn(() => deleteGroup(state, request)),
    GetVolumeGroupSnapshot: async ({ group_snapshot_id: id }: GroupRequest) => {
      const group = await state.groups.read(id);
      if (group === undefined) throw notFound('group', id);
      return { group_snapshot: await messageOf(state, group) };
    },
  };
}

async function createGroup(state: DriverState, { name, source_volume_ids: volumeIds }: CreateGroupRequest) {
  if (name === '' || volumeIds.length === 0) throw invalid('a group snapshot needs a name and volumes');
  const id = state.groups.idOf(name);
  const known = await state.groups.read(id);
  const group = known ?? (await cut(state, { id, volumes: await Promise.all(volumeIds.map((volume) => existing(state, volume))) }));
  const message = await messageOf(state, group);
  const held = message.snapshots.map((snapshot) => snapshot.source_volume_id);
  if (!isSameSet(held, volumeIds)) throw new CsiError(status.ALREADY_EXISTS, `the group ${name} is one of other volumes`);
  return { group_snapshot: message };
}

/** The group's record is written last: what an attempt that was killed has cut is cut again, together. */
async function cut(state: DriverState, { id, volumes }: { id: string; volumes: readonly VolumeRecord[] }): Promise<GroupRecord> {
  const snapshotId = (volume: VolumeRecord) => state.snapshots.idOf(`${id}/${volume.id}`);
  for (const volume of volumes) await state.snapshots.remove(snapshotId(volume));
  return atOneMoment(state, volumes, async () => {
    const cutAt = Date.now();
    for (const volume of volumes) {
      const { capacityBytes: sizeBytes, isBlock } = volume;
      const record: SnapshotRecord = { id: snapshotId(volume), volume: volume.id, sizeBytes, isBlock, cutAt, group: id };
      await state.snapshots.create(record, (content) => copyVolume(state, volume, content));
    }
    return state.groups.create({ id, snapshots: volumes.map(snapshotId), cutAt }, () => Promise.resolve());
  });
}

async function deleteGroup(state: DriverState, { group_snapshot_id: id, snapshot_ids: named }: GroupRequest) {
  const group = await state.groups.read(id);
  if (group === undefined) return {};
  if (named.length > 0 && !isSameSet(named, group.snapshots)) throw invalid(`group ${id} has other snapshots`);
  for (const snapshot of group.snapshots) await state.snapshots.remove(snapshot);
  await state.groups.remove(id);
  return {};
}

async function messageOf(state: DriverState, { id, snapshots, cutAt }: GroupRecord) {
  const records = await Promise.all(snapshots.map((snapshot) => state.snapshots.read(snapshot)));
  return {
    group_snapshot_id: id,
    snapshots: records.filter((record) => record !== undefined).map(snapshotMessage),
    creation_time: timestamp(cutAt),
    ready_to_use: true,
  };
}

async function existing(state: DriverState, id: string): Promise<VolumeRecord> {
  const volume = await state.volumes.read(id);
  if (volume === undefined) throw notFound('volume', id);
  return volume;
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return new Set([...one, ...other]).size === one.length && one.length === other.length;
}
