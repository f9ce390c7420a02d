import { copyContent } from './content.ts';
import { notFound } from './csi-error.ts';
import type { DriverState, VolumeRecord } from './driver-state.ts';
import type { CreateVolumeRequest } from './messages.ts';
import { flushDevice } from './mount-volume.ts';

/** What a new volume is made from. */
export interface VolumeSource {
  readonly id: string;
  readonly bytes: number;
  readonly isBlock: boolean;
  copy(to: string): Promise<void>;
}

/** Undefined for a volume that begins empty; `NOT_FOUND` when what is asked for is not there. */
export async function sourceOf(
  state: DriverState,
  { volume_content_source: asked }: CreateVolumeRequest,
): Promise<VolumeSource | undefined> {
  if (asked?.snapshot) return fromSnapshot(state, asked.snapshot.snapshot_id);
  return asked?.volume ? fromVolume(state, asked.volume.volume_id) : undefined;
}

/** '' for a volume that begins empty. */
export function sourceIdOf({ volume_content_source: asked }: CreateVolumeRequest): string {
  return asked?.snapshot?.snapshot_id ?? asked?.volume?.volume_id ?? '';
}

async function fromSnapshot(state: DriverState, id: string): Promise<VolumeSource> {
  const snapshot = await state.snapshots.read(id);
  if (snapshot === undefined) throw notFound('snapshot', id);
  const { isBlock, sizeBytes: bytes } = snapshot;
  return { id, isBlock, bytes, copy: (to) => copyContent(state.snapshots.contentOf(id), to) };
}

async function fromVolume(state: DriverState, id: string): Promise<VolumeSource> {
  const volume = await state.volumes.read(id);
  if (volume === undefined) throw notFound('volume', id);
  const { isBlock, capacityBytes: bytes } = volume;
  return { id, isBlock, bytes, copy: (to) => atOneMoment(state, [volume], () => copyVolume(state, volume, to)) };
}

/** Does the work while no pod writes to any of the volumes, and what they have written is in the volumes. */
export async function atOneMoment<T>(state: DriverState, volumes: readonly VolumeRecord[], work: () => Promise<T>): Promise<T> {
  return state.freezer.during(await state.publications.podsOf(volumes.map(({ id }) => id)), work);
}

/** The caller sees to it that nobody writes. */
export async function copyVolume(state: DriverState, { id, isBlock }: VolumeRecord, to: string): Promise<void> {
  const content = state.volumes.contentOf(id);
  if (isBlock) await flushDevice(content);
  await copyContent(content, to);
}
