import type { CapturedVolume, RestoredVolume } from '../../contracts/volume.ts';
import { bytes, count } from './quantities.ts';
import { table } from './table.ts';

/** The volumes of a backup; empty when there are none. */
export function capturedVolumesText(volumes: readonly CapturedVolume[] = []): readonly string[] {
  if (volumes.length === 0) return [];
  const rows = volumes.map(({ namespace, claim, method, data, consistency, quiescedBy }) => [
    `  ${namespace}/${claim}`,
    method,
    data?.kind === 'restic' ? `${count(data.files)} files, ${bytes(data.bytes)}` : (data?.handle ?? withoutData(quiescedBy)),
    data?.kind === 'restic' ? bytes(data.addedBytes) : '',
    data || quiescedBy !== undefined ? `${consistency}${quiescedBy === undefined ? '' : ` (${quiescedBy})`}` : '',
  ]);
  return ['', table(['  VOLUME', 'METHOD', 'DATA', 'STORED', 'CONSISTENCY'], rows)];
}

/** Its content may be in what a plugin keeps. */
function withoutData(quiescedBy: string | undefined): string {
  return quiescedBy === undefined ? 'no data' : `kept by ${quiescedBy}`;
}

/** The volumes of a restore; empty when there are none. */
export function restoredVolumesText(volumes: readonly RestoredVolume[] = []): readonly string[] {
  return volumes.map(({ namespace, claim, outcome, reason, files, bytes: size }) =>
    outcome === 'restored'
      ? `volume ${namespace}/${claim}: ${count(files)} files, ${bytes(size)} restored and compared`
      : `volume ${namespace}/${claim}: ${outcome}: ${reason}`,
  );
}
