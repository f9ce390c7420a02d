import { FORMAT_VERSION } from '../contracts/manifest.ts';
import { damaged, newerFormat } from './failures.ts';

const MAGIC = 'HFST';

/** Packs, indexes, manifests, records, condemned lists. */
export type FileKind = 'P' | 'I' | 'M' | 'R' | 'C';

export const HEADER_BYTES = 6;

/** The six bytes at the beginning of a stored file. */
export function fileHeader(kind: FileKind): Buffer {
  return Buffer.concat([Buffer.from(MAGIC + kind), Buffer.of(FORMAT_VERSION)]);
}

/** What follows the header; `NewerFormat` when a newer Holdfast wrote the file, `Damaged` when it is not a file of this kind. */
export function afterHeader(kind: FileKind, file: Buffer, where: string): Buffer {
  if (file.length < HEADER_BYTES || file.toString('latin1', 0, 5) !== MAGIC + kind) throw damaged(where, 'it is another kind of file');
  const version = file.readUInt8(5);
  if (version > FORMAT_VERSION) throw newerFormat(where, version);
  if (version !== FORMAT_VERSION) throw damaged(where, 'its format version is impossible');
  return file.subarray(HEADER_BYTES);
}
