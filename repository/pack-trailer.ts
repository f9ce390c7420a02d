import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { damaged } from './failures.ts';
import { afterHeader, HEADER_BYTES } from './file-header.ts';
import { decodeTrailer, type FrameEntry } from './pack-table.ts';
import type { BoxSealer } from './sealed-box.ts';

const LENGTH_BYTES = 4;
const LABEL = { kind: 'trailer', name: '' } as const;

/** What a whole pack says is in it. `Damaged`. */
export function openTrailer(sealer: BoxSealer, file: Buffer, where: string): FrameEntry[] {
  afterHeader('P', file, where);
  const end = file.length - LENGTH_BYTES;
  const start = end < HEADER_BYTES ? 0 : end - file.readUInt32BE(end);
  if (start < HEADER_BYTES) throw damaged(where, 'its trailer has an impossible size');
  return decodeTrailer(sealer.open(LABEL, file.subarray(start, end), where), where);
}

/** The same by two small reads from the end of a stored pack of that size. `Damaged`, `NotFound`. */
export async function readTrailer(
  parts: { readonly store: ObjectStore; readonly sealer: BoxSealer },
  pack: { readonly key: string; readonly sizeBytes: number },
  options: CallOptions,
): Promise<FrameEntry[]> {
  const { store, sealer } = parts;
  const where = `${store.url}: ${pack.key}`;
  const end = pack.sizeBytes - LENGTH_BYTES;
  if (end < HEADER_BYTES) throw damaged(where, 'it is too short');
  const length = (await store.read(pack.key, { offset: end, length: LENGTH_BYTES }, options)).readUInt32BE(0);
  if (end - length < HEADER_BYTES) throw damaged(where, 'its trailer has an impossible size');
  const box = await store.read(pack.key, { offset: end - length, length }, options);
  return decodeTrailer(sealer.open(LABEL, box, where), where);
}
