import type { Fate, GcRow } from '../../repository/gc/report.ts';
import type { LocationGcReport } from '../../workers/dependencies.ts';
import type { FileKind } from '../../repository/check/report.ts';
import { bytes, count } from './quantities.ts';
import { table } from './table.ts';

const KINDS: Readonly<Record<FileKind, string>> = {
  packs: 'packs',
  indexes: 'indexes',
  manifests: 'manifests',
  records: 'records',
  condemned: 'gc lists',
  keys: 'key files',
  config: 'configuration',
  volumes: 'volume data',
  foreign: 'other files',
};

/** What a collection has found, down to the byte. */
export function gcText(report: LocationGcReport, wide: boolean): string {
  const lines = report.rows.map((row) => [
    KINDS[row.kind],
    why(row, report.dryRun),
    count(row.objects),
    count(row.bytes),
    row.until === '' ? '' : row.until,
  ]);
  const total = ['total', '', count(report.total.objects), count(report.total.bytes), ''];
  const text = table(['WHAT', 'WHY', 'OBJECTS', 'BYTES', 'FIRST FREE AT'], [...lines, total]);
  const locked = wide ? report.locked.map(({ key, sizeBytes, until }) => [key, count(sizeBytes), until]) : [];
  const forgotten = report.volumes.flatMap((volumes) => volumes.forgotten.map(({ volume, backup, time }) => [volume, backup, time]));
  const more = [
    ...(locked.length === 0 ? [] : [table(['LOCKED', 'BYTES', 'UNTIL'], locked)]),
    ...(wide && forgotten.length > 0 ? [table(['FORGOTTEN VOLUME', 'OF BACKUP', 'TIME'], forgotten)] : []),
  ];
  return [text, ...more].join('\n\n');
}

/** One line for people. */
export function gcSummary(report: LocationGcReport): string {
  const freed = report.rows.filter(({ fate }) => fate === 'deleted').reduce((sum, row) => sum + row.bytes, 0);
  const { newlyCondemned, acquitted, locked } = report;
  const forgotten = report.volumes.reduce((sum, volumes) => sum + volumes.forgotten.length, 0);
  return [
    `${report.dryRun ? 'dry run: would free' : 'freed'} ${bytes(freed)}`,
    ...(newlyCondemned === 0 ? [] : [`${count(newlyCondemned)} packs condemned`]),
    ...(acquitted === 0 ? [] : [`${count(acquitted)} packs needed again`]),
    ...(forgotten === 0 ? [] : [`${count(forgotten)} snapshots of volumes ${report.dryRun ? 'to be ' : ''}forgotten`]),
    ...(locked.length === 0 ? [] : [`${count(locked.length)} objects left: the store has locked them`]),
  ].join(', ');
}

function why({ fate, unneededBytes }: GcRow, dryRun: boolean): string {
  const texts: Readonly<Record<Fate, string>> = {
    needed: 'needed',
    'partly-needed': `needed in part: ${count(unneededBytes)} bytes are not, and cannot go alone`,
    young: 'not needed, younger than the grace',
    condemned: 'not needed, condemned until the grace is over',
    spare: 'kept: the pack that should replace it is damaged',
    locked: 'to be deleted, locked by the store',
    foreign: 'not of this repository, never touched',
    deleted: dryRun ? 'to be deleted' : 'deleted',
  };
  return texts[fate];
}
