import pc from 'picocolors';
import type { ObjectId } from '../../contracts/resource.ts';
import type { BackupDiff } from '../../domain/plan/backup-diff.ts';

/** What changed, one object a line: `+` added, `-` removed, `~` changed with the fields below it. */
export function diffText({ added, removed, changed }: BackupDiff): string {
  if (added.length + removed.length + changed.length === 0) return 'no differences';
  return [
    ...added.map((object) => pc.green(`+ ${objectText(object)}`)),
    ...removed.map((object) => pc.red(`- ${objectText(object)}`)),
    ...changed.flatMap(({ object, fields }) => [pc.yellow(`~ ${objectText(object)}`), ...fields.map((field) => `    ${field}`)]),
    '',
    `${added.length} added, ${removed.length} removed, ${changed.length} changed`,
  ].join('\n');
}

/** `Deployment shop/web`, `ClusterRole reader` */
export function objectText({ kind, namespace, name }: ObjectId): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
