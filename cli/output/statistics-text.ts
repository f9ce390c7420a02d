import type { RepositoryStatistics } from '../../repository/statistics/statistics.ts';
import { bytes, count } from './quantities.ts';
import { table } from './table.ts';

/** Rows of each table without `-o wide`. */
const LISTED = 20;

export function statisticsText(found: RepositoryStatistics, wide: boolean): string {
  const { garbage, growth, files } = found;
  const facts: readonly (readonly [string, string])[] = [
    ['Repository', found.repository],
    ['Location', found.url],
    ['Backups', count(found.backups)],
    ['Logical', `${bytes(found.logicalBytes)}: the JSON of all objects of all backups`],
    ['Unique', `${bytes(found.uniqueBytes)}: the same, what is equal once (${found.dedupRatio}x less)`],
    ['Stored', `${bytes(found.storedBytes)}: everything in the location (JSON compressed ${found.compressionRatio}x)`],
    [
      'Growth',
      growth.days > 0 ? `${bytes(growth.perDay)} a day, ${bytes(growth.perBackup)} a backup` : `${bytes(growth.perBackup)} a backup`,
    ],
    ['Garbage', `${bytes(garbage.packBytes)} in ${count(garbage.packs)} packs that no backup needs, ${bytes(garbage.deadBytes)} in others`],
    [
      'Files',
      Object.entries(files)
        .filter(([, { objects }]) => objects > 0)
        .map(([kind, { objects, bytes: size }]) => `${count(objects)} ${kind} (${bytes(size)})`)
        .join(', '),
    ],
  ];
  const backups = found.perBackup
    .toReversed()
    .map((backup) => [
      backup.name,
      count(backup.objects),
      bytes(backup.logicalBytes),
      bytes(backup.addedBytes),
      bytes(backup.uniqueBytes),
      bytes(backup.freedIfDeleted),
    ]);
  const namespaces = found.perNamespace.map(({ namespace, objects, logicalBytes, storedBytes }) => [
    namespace === '' ? '(cluster)' : namespace,
    count(objects),
    bytes(logicalBytes),
    bytes(storedBytes),
  ]);
  return [
    ...facts.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}`),
    ...found.problems.map((problem) => `Not counted: ${problem}`),
    '',
    ...listed(['BACKUP', 'OBJECTS', 'LOGICAL', 'ADDED', 'UNIQUE', 'FREED-IF-DELETED'], backups, wide),
    '',
    ...listed(['NAMESPACE', 'OBJECTS', 'LOGICAL', 'STORED'], namespaces, wide),
  ].join('\n');
}

function listed(headings: readonly string[], rows: readonly (readonly string[])[], wide: boolean): string[] {
  const shown = wide ? rows : rows.slice(0, LISTED);
  return [table(headings, shown), ...(shown.length < rows.length ? [`and ${rows.length - shown.length} more (-o wide)`] : [])];
}
