import { FailureType, HoldfastError } from '../../contracts/failures.ts';

const BLOCK = 512;
const OCTAL_PERMISSIONS = 0o777;

export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'folder' | 'other';
  /** Permissions alone. */
  readonly mode: number;
  /** Of a file. */
  readonly content: Buffer;
}

/** The entries of a small tar, as GNU tar and busybox write it. Whatever their names say: who writes them checks them. `Damaged` when it is cut short. */
export function readTar(archive: Buffer): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  let longName = '';
  for (let at = 0; ;) {
    const header = blocks(archive, at, BLOCK);
    if (header.every((byte) => byte === 0)) return entries;
    const size = octal(header, 124, 136);
    const content = blocks(archive, at + BLOCK, size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'L') {
      longName = text(content, 0, size);
      continue;
    }
    const path = longName === '' ? nameOf(header) : longName;
    longName = '';
    entries.push({ path, type: typeOf(type), mode: octal(header, 100, 108) & OCTAL_PERMISSIONS, content });
  }
}

function nameOf(header: Buffer): string {
  const prefix = text(header, 257, 263) === 'ustar' ? text(header, 345, 500) : '';
  const name = text(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function typeOf(type: string): TarEntry['type'] {
  if (type === '0' || type === '\0') return 'file';
  return type === '5' ? 'folder' : 'other';
}

function text(block: Buffer, from: number, to: number): string {
  const [first = ''] = block.subarray(from, to).toString('utf8').split('\0', 1);
  return first;
}

function octal(header: Buffer, from: number, to: number): number {
  const digits = text(header, from, to).trim();
  if (!/^[0-7]+$/.test(digits)) throw damaged();
  return Number.parseInt(digits, 8);
}

function blocks(archive: Buffer, at: number, bytes: number): Buffer {
  if (at + bytes > archive.length) throw damaged();
  return archive.subarray(at, at + bytes);
}

function damaged(): HoldfastError {
  return new HoldfastError(FailureType.Damaged, 'the tar of the control-plane files is cut short or is none', {
    advice: 'check the location with `holdfast repository check --read-data`, and take an earlier backup',
  });
}
