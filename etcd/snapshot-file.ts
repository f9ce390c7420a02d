import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { CapturedEtcd } from '../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** etcd puts the SHA-256 of the database behind it. */
const TRAILER_BYTES = 32;

/** Writes a snapshot to a file that only we can read. `Damaged` when it is not, byte for byte, what etcd sent when the backup was made. */
export async function writeSnapshot(
  file: string,
  facts: Pick<CapturedEtcd, 'sha256' | 'snapshot'>,
  { content, onBytes }: { readonly content: AsyncIterable<Buffer>; readonly onBytes: (bytes: number) => void },
): Promise<void> {
  const databaseBytes = facts.snapshot.bytes - TRAILER_BYTES;
  const hash = createHash('sha256');
  let bytes = 0;
  const target = await open(file, 'wx', 0o600);
  try {
    for await (const piece of content) {
      hash.update(piece.subarray(0, Math.max(0, databaseBytes - bytes)));
      await target.appendFile(piece);
      bytes += piece.length;
      onBytes(bytes);
    }
  } finally {
    await target.close();
  }
  if (hash.digest('hex') === facts.sha256) return;
  throw new HoldfastError(FailureType.Damaged, 'the snapshot is not what etcd sent: its SHA-256 is another one', {
    advice: 'check the location with `holdfast repository check --read-data`, and restore an earlier backup',
  });
}
