import { status } from '@grpc/grpc-js';
import { CsiError, invalid, notFound } from './csi-error.ts';
import type { DriverState, SnapshotRecord } from './driver-state.ts';
import type { CreateSnapshotRequest, ListSnapshotsRequest, SnapshotRequest } from './messages.ts';
import { atOneMoment, copyVolume } from './volume-source.ts';

/** Snapshots of one volume each. They need nothing of the volume once they are cut. */
export function snapshotService(state: DriverState) {
  return {
    CreateSnapshot: (request: CreateSnapshotRequest) => state.inTurn(() => createSnapshot(state, request)),
    DeleteSnapshot: (request: SnapshotRequest) => state.inTurn(() => deleteSnapshot(state, request)),
    ListSnapshots: (request: ListSnapshotsRequest) => listSnapshots(state, request),
  };
}

/** As the sidecars get to know it. */
export function snapshotMessage({ id, volume, sizeBytes, cutAt, group }: SnapshotRecord) {
  return {
    snapshot_id: id,
    source_volume_id: volume,
    size_bytes: sizeBytes,
    creation_time: timestamp(cutAt),
    ready_to_use: true,
    group_snapshot_id: group,
  };
}

export function timestamp(milliseconds: number): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}

async function createSnapshot(state: DriverState, { name, source_volume_id: volumeId }: CreateSnapshotRequest) {
  if (name === '') throw invalid('a snapshot needs a name');
  const id = state.snapshots.idOf(name);
  const known = await state.snapshots.read(id);
  if (known !== undefined && known.volume !== volumeId) {
    throw new CsiError(status.ALREADY_EXISTS, `the snapshot ${name} is one of another volume`);
  }
  if (known !== undefined) return { snapshot: snapshotMessage(known) };
  const volume = await state.volumes.read(volumeId);
  if (volume === undefined) throw notFound('volume', volumeId);
  const cut = await atOneMoment(state, [volume], () => {
    const record = { id, volume: volumeId, sizeBytes: volume.capacityBytes, isBlock: volume.isBlock, cutAt: Date.now(), group: '' };
    return state.snapshots.create(record, (content) => copyVolume(state, volume, content));
  });
  return { snapshot: snapshotMessage(cut) };
}

async function deleteSnapshot(state: DriverState, { snapshot_id: id }: SnapshotRequest) {
  const snapshot = await state.snapshots.read(id);
  if (snapshot !== undefined && snapshot.group !== '' && (await state.groups.read(snapshot.group)) !== undefined) {
    throw new CsiError(status.FAILED_PRECONDITION, `snapshot ${id} belongs to the group ${snapshot.group}: delete that`);
  }
  await state.snapshots.remove(id);
  return {};
}

/** A token is the id of the first snapshot of its page. */
async function listSnapshots(state: DriverState, request: ListSnapshotsRequest) {
  const { snapshot_id: id, source_volume_id: volume, starting_token: token, max_entries: most } = request;
  const all = (await state.snapshots.list()).filter(
    (snapshot) => (id === '' || snapshot.id === id) && (volume === '' || snapshot.volume === volume) && snapshot.id >= token,
  );
  const page = most > 0 ? all.slice(0, most) : all;
  return { entries: page.map((snapshot) => ({ snapshot: snapshotMessage(snapshot) })), next_token: all[page.length]?.id ?? '' };
}
