import type { AffectedObjects, BackupHealth, CheckReport, Finding } from '../../repository/check/report.ts';
import type { BackupVerification } from '../../repository/check/verify-backup.ts';
import { bytes, count, duration } from './quantities.ts';
import { table } from './table.ts';

/** Affected objects of one backup that are listed without `-o wide`. */
const LISTED = 20;
const VERDICT = {
  sound: 'sound: nothing is wrong',
  blemished: 'something is wrong, and no backup is the worse for it',
  damaged: 'DAMAGED',
} as const;

/** A check for people: the verdict first, then what is affected, then what was found and what to do. */
export function checkText(report: CheckReport, wide: boolean): string {
  const { readData, files, backups, findings } = report;
  const took = duration(Date.parse(report.completedAt) - Date.parse(report.startedAt));
  const hurt = backups.filter(({ state }) => state !== 'whole');
  return [
    `${report.url}: ${VERDICT[report.state]}`,
    `${count(backups.length)} backups, ${count(backups.length - hurt.length)} whole; ${count(files.packs.objects)} packs (${bytes(files.packs.bytes)}); ${readText(readData)}; ${took}`,
    ...hurt.flatMap((backup) => healthLines(backup, wide)),
    ...findings.flatMap(findingLines),
  ].join('\n');
}

function readText({ percent, seed, packs, bytes: read }: CheckReport['readData']): string {
  if (percent === 0) return packs === 0 ? 'their content was not read (--read-data)' : `${count(packs)} of them were read`;
  const share = percent < 100 ? ` (${percent}%, --seed ${seed} for the same ones)` : '';
  return `${count(packs)} of them read and authenticated${share}, ${bytes(read)}`;
}

function healthLines({ name, state, objects, affectedObjects, affected }: BackupHealth, wide: boolean): string[] {
  const what =
    state === 'lost' ? 'nothing can be restored' : `${count(objects - affectedObjects)} of ${count(objects)} objects can be restored`;
  return ['', `backup "${name}": ${what}; affected are`, ...affectedLines(affected, wide)];
}

function affectedLines(affected: readonly AffectedObjects[], wide: boolean): string[] {
  const shown = wide ? affected : affected.slice(0, LISTED);
  const lines = shown.map(({ apiVersion, kind, namespace, count: objects, between, reason }) => {
    const [after = '', before = ''] = between ?? [];
    const names = [after === '' ? '' : `after ${after}`, before === '' ? '' : `before ${before}`].filter(Boolean).join(' and ');
    const place = namespace === '' ? '' : namespace === '*' ? ' of any namespace' : ` in ${namespace}`;
    return `  ${count(objects)} ${kind === '*' ? 'objects of any kind' : `${kind} (${apiVersion})`}${place}${names === '' ? '' : `, by name ${names}`}: ${reason}`;
  });
  return shown.length < affected.length ? [...lines, `  and ${count(affected.length - shown.length)} more (-o wide)`] : lines;
}

function findingLines({ severity, code, message, advice }: Finding): string[] {
  const label = { data: 'damage', spare: 'wrong', note: 'note' }[severity];
  return ['', `${label} ${code}: ${message}`, ...(advice === undefined || advice === '' ? [] : [`  ${advice}`])];
}

export function verificationText(verified: readonly BackupVerification[], wide: boolean): string {
  const rows = verified.map(({ name, state, segments, objects, bytes: size }) => [
    name,
    state,
    `${count(segments.read)}/${count(segments.total)}`,
    `${count(objects.read)}/${count(objects.expected)}`,
    `${bytes(size.read)}/${bytes(size.expected)}`,
  ]);
  return [
    table(['NAME', 'STATE', 'SEGMENTS', 'OBJECTS', 'SIZE'], rows),
    ...verified
      .filter(({ state }) => state === 'damaged')
      .flatMap(({ name, mismatches, affected }) => [
        '',
        `backup "${name}":`,
        ...mismatches.map((mismatch) => `  ${mismatch}`),
        ...affectedLines(affected, wide),
      ]),
  ].join('\n');
}
