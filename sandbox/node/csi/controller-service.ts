import { truncate } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import { makeEmpty } from './content.ts';
import { CsiError, invalid, notFound } from './csi-error.ts';
import { TOPOLOGY } from './driver-name.ts';
import type { DriverState, VolumeRecord } from './driver-state.ts';
import type { CapacityRange, CreateVolumeRequest, ExpandRequest, ValidateRequest, VolumeCapability, VolumeRequest } from './messages.ts';
import { releaseDevice } from './mount-volume.ts';
import { sourceIdOf, sourceOf } from './volume-source.ts';

const CREATE_DELETE_VOLUME = 1;
const CREATE_DELETE_SNAPSHOT = 5;
const LIST_SNAPSHOTS = 6;
const CLONE_VOLUME = 7;
const EXPAND_VOLUME = 9;
const DEFAULT_BYTES = 1024 ** 3;

/** Volumes: made empty, from a snapshot or from another volume. Sizes are kept and promised, and nothing enforces them. */
export function controllerService(state: DriverState) {
  return {
    ControllerGetCapabilities: () => {
      const types = [CREATE_DELETE_VOLUME, CREATE_DELETE_SNAPSHOT, LIST_SNAPSHOTS, CLONE_VOLUME, EXPAND_VOLUME];
      return Promise.resolve({ capabilities: types.map((type) => ({ rpc: { type } })) });
    },
    CreateVolume: (request: CreateVolumeRequest) => state.inTurn(() => createVolume(state, request)),
    DeleteVolume: (request: VolumeRequest) => state.inTurn(() => deleteVolume(state, request)),
    ValidateVolumeCapabilities: (request: ValidateRequest) => validate(state, request),
    ControllerExpandVolume: (request: ExpandRequest) => state.inTurn(() => expand(state, request)),
  };
}

async function createVolume(state: DriverState, request: CreateVolumeRequest) {
  if (request.name === '') throw invalid('a volume needs a name');
  const id = state.volumes.idOf(request.name);
  const known = await state.volumes.read(id);
  if (known === undefined) return answer(await create(state, request, id), request);
  const isEnough = known.capacityBytes >= (request.capacity_range?.required_bytes ?? 0);
  if (isEnough && known.isBlock === isBlockOf(request) && known.from === sourceIdOf(request)) return answer(known, request);
  throw new CsiError(status.ALREADY_EXISTS, `there is another volume of the name ${request.name}`);
}

async function create(state: DriverState, request: CreateVolumeRequest, id: string): Promise<VolumeRecord> {
  const isBlock = isBlockOf(request);
  const source = await sourceOf(state, request);
  if (source !== undefined && source.isBlock !== isBlock) throw invalid(`${source.id} is ${source.isBlock ? 'a device' : 'a folder'}`);
  const capacityBytes = capacityOf(request.capacity_range, source?.bytes ?? DEFAULT_BYTES);
  if (source !== undefined && capacityBytes < source.bytes) {
    throw new CsiError(status.OUT_OF_RANGE, `a volume made from ${source.id} needs ${source.bytes} bytes`);
  }
  return state.volumes.create({ id, capacityBytes, isBlock, from: source?.id ?? '' }, async (content) => {
    if (source === undefined) return makeEmpty(content, { isBlock, bytes: capacityBytes });
    await source.copy(content);
    if (isBlock) await truncate(content, capacityBytes);
  });
}

function answer({ id, capacityBytes }: VolumeRecord, { volume_content_source: source }: CreateVolumeRequest) {
  return { volume: { volume_id: id, capacity_bytes: capacityBytes, content_source: source, accessible_topology: [TOPOLOGY] } };
}

async function deleteVolume(state: DriverState, { volume_id: id }: VolumeRequest) {
  const volume = await state.volumes.read(id);
  if (volume === undefined) return {};
  if ((await state.publications.targetsOf(id)).length > 0) throw new CsiError(status.FAILED_PRECONDITION, `volume ${id} is mounted`);
  if (volume.isBlock) await releaseDevice(state.volumes.contentOf(id));
  await state.volumes.remove(id);
  await state.publications.forget(id);
  return {};
}

async function validate(state: DriverState, request: ValidateRequest) {
  const volume = await state.volumes.read(request.volume_id);
  if (volume === undefined) throw notFound('volume', request.volume_id);
  if (isBlockOf(request) === volume.isBlock) return { confirmed: { volume_capabilities: request.volume_capabilities } };
  return { message: volume.isBlock ? 'it is a device' : 'it is a folder' };
}

async function expand(state: DriverState, { volume_id: id, capacity_range: range }: ExpandRequest) {
  const volume = await state.volumes.read(id);
  if (volume === undefined) throw notFound('volume', id);
  // The device of a mounted volume would keep its old size.
  if (volume.isBlock) throw new CsiError(status.UNIMPLEMENTED, `volume ${id} is a device, and those cannot be expanded`);
  const capacityBytes = Math.max(volume.capacityBytes, capacityOf(range, volume.capacityBytes));
  await state.volumes.update({ ...volume, capacityBytes });
  return { capacity_bytes: capacityBytes, node_expansion_required: false };
}

/** A volume is one or the other for as long as it is. */
function isBlockOf({ volume_capabilities: capabilities }: { readonly volume_capabilities: readonly VolumeCapability[] }): boolean {
  const types = new Set(capabilities.map(({ access_type: type }) => type));
  if (types.size !== 1) throw invalid('a volume is either mounted or a device');
  return types.has('block');
}

function capacityOf(range: CapacityRange | null, otherwise: number): number {
  const { required_bytes: required = 0, limit_bytes: limit = 0 } = range ?? {};
  if (limit > 0 && limit < required) throw new CsiError(status.OUT_OF_RANGE, `no size is at least ${required} and at most ${limit} bytes`);
  if (required > 0) return required;
  return limit > 0 ? Math.min(limit, otherwise) : otherwise;
}
