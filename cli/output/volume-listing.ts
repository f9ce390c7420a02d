import type { CapturedVolume } from '../../contracts/volume.ts';
import type { ArchivedFile } from '../../workers/dependencies.ts';
import { bytes, count } from './quantities.ts';
import { table } from './table.ts';

/** Columns of a listing that is printed while it is read: nobody knows how wide they will be. */
const OWNER_WIDTH = 11;
const SIZE_WIDTH = 12;

/** The volumes of one backup. */
export function volumesText(volumes: readonly CapturedVolume[], wide: boolean): string {
  const rows = volumes.map((volume) => [
    `${volume.namespace}/${volume.claim}`,
    volume.method,
    volume.data ? `${volume.consistency}${volume.quiescedBy === undefined ? '' : ` (${volume.quiescedBy})`}` : '',
    ...sizesOf(volume),
    volume.completedAt.replace(/\.\d+Z$/, 'Z'),
    ...(wide ? [volume.storageClass, volume.data?.kind === 'restic' ? volume.data.snapshot : (volume.data?.handle ?? '')] : []),
  ]);
  const more = wide ? ['CLASS', 'SNAPSHOT'] : [];
  return table(['VOLUME', 'METHOD', 'CONSISTENCY', 'FILES', 'SIZE', 'CAPTURED', ...more], rows);
}

function sizesOf({ data }: CapturedVolume): readonly [files: string, size: string] {
  if (!data) return ['', 'no data'];
  return data.kind === 'csi' ? ['', 'in the cluster'] : [count(data.files), bytes(data.bytes)];
}

/** One line of `volume browse`, as `ls -l` has it. */
export function fileLine({ mode, uid, gid, size, modifiedAt, path, target }: ArchivedFile): string {
  const owner = `${uid}:${gid}`.padEnd(OWNER_WIDTH);
  const time = modifiedAt.replace(/\.\d+Z$/, 'Z');
  const link = target === undefined ? '' : ` -> ${printable(target)}`;
  return `${mode}  ${owner}  ${String(size).padStart(SIZE_WIDTH)}  ${time}  ${printable(path)}${link}`;
}

/** A name may hold anything; what would move a terminal's cursor is written as `ls -b` does. */
function printable(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\\]/g, (character) => {
    if (character === '\n') return '\\n';
    return character === '\\' ? '\\\\' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
