import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Release } from '../domain/helm/release.ts';
import { chartContent, type ArchivedFile } from './chart-files.ts';
import type { ChartArchive } from './port.ts';

const BLOCK = 512;
const MAX_NAME_BYTES = 100;
const MAX_STORED_BYTES = 0xffff;

/**
 * The chart archive of a release. Its bytes depend on the record alone: names in order, no times, no owners, and inside of gzip nothing is
 * compressed, because what a compressor makes of the same bytes differs between versions and processors of zlib.
 */
export function chartArchive(release: Release): ChartArchive {
  const { files, ...chart } = chartContent(release);
  const bytes = gzipStored(tar(files.map(({ name: file, content }) => ({ name: `${chart.name}/${file}`, content }))));
  return { ...chart, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function tar(files: readonly ArchivedFile[]): Buffer {
  return Buffer.concat([...files.flatMap(entry), Buffer.alloc(2 * BLOCK)]);
}

function entry({ name, content }: ArchivedFile): Buffer[] {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES && /^[\x20-\x7e]*$/.test(name)) return [header(name, content.length, '0'), padded(content)];
  // POSIX's extended header takes names of any length and script.
  const extended = paxRecord('path', name);
  return [header('PaxHeader', extended.length, 'x'), padded(extended), header('file', content.length, '0'), padded(content)];
}

/** `LENGTH path=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function header(name: string, size: number, type: '0' | 'x'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) => block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  block.write(name, 0, MAX_NAME_BYTES, 'utf8');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.fill(0x20, 148, 156);
  block.write(type, 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** RFC 1952 around stored blocks of RFC 1951. */
function gzipStored(content: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])];
  for (let at = 0; at === 0 || at < content.length; at += MAX_STORED_BYTES) {
    const piece = content.subarray(at, at + MAX_STORED_BYTES);
    const head = Buffer.alloc(5);
    head.writeUInt8(at + piece.length >= content.length ? 1 : 0, 0);
    head.writeUInt16LE(piece.length, 1);
    head.writeUInt16LE(MAX_STORED_BYTES - piece.length, 3);
    parts.push(head, piece);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length % 2 ** 32, 4);
  return Buffer.concat([...parts, trailer]);
}
