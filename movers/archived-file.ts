import { textAt } from '../domain/resource/fields.ts';
import { numberAt, parseLine } from './restic-output.ts';
import type { ArchivedFile } from './volume-archive.ts';

const TYPES: readonly ArchivedFile['type'][] = ['file', 'dir', 'symlink', 'fifo', 'dev', 'chardev'];
/** First letters of a mode, as `ls` has them. */
const LETTERS: Readonly<Record<ArchivedFile['type'], string>> = {
  file: '-',
  dir: 'd',
  symlink: 'l',
  fifo: 'p',
  dev: 'b',
  chardev: 'c',
  other: '?',
};
/** restic writes modes as Go has them. */
const SETUID = 1 << 23;
const SETGID = 1 << 22;
const STICKY = 1 << 20;

/** A line of `restic ls --json`; undefined for lines that are about no file. */
export function archivedFile(line: string): ArchivedFile | undefined {
  const node = parseLine(line);
  if (textAt(node, 'message_type') !== 'node') return undefined;
  const type = TYPES.find((known) => known === textAt(node, 'type')) ?? 'other';
  return {
    path: textAt(node, 'path'),
    type,
    mode: LETTERS[type] + permissions(numberAt(node, 'mode')),
    uid: numberAt(node, 'uid'),
    gid: numberAt(node, 'gid'),
    size: type === 'file' ? numberAt(node, 'size') : 0,
    modifiedAt: new Date(textAt(node, 'mtime')).toISOString(),
  };
}

function permissions(mode: number): string {
  const specials = [
    [SETUID, 6, 's'],
    [SETGID, 3, 's'],
    [STICKY, 0, 't'],
  ] as const;
  return specials.map(([special, shift, letter]) => triple(mode >> shift, (mode & special) === 0 ? '' : letter)).join('');
}

/** Three letters; a special bit takes the place of the last, upper-case where nobody may execute. */
function triple(bits: number, special: string): string {
  const executes = (bits & 1) !== 0;
  const last = special === '' ? (executes ? 'x' : '-') : executes ? special : special.toUpperCase();
  return ((bits & 4) === 0 ? '-' : 'r') + ((bits & 2) === 0 ? '-' : 'w') + last;
}
