import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { readTarMember } from './tar-member.ts';
import type { Release } from './tool-releases.ts';

/**
 * Downloads one release into `file`, which appears only when the whole download has the pinned SHA-256. Of an archive, only the one named
 * regular file is written, under the name that we choose. Every failure is one line: what, from where, and why.
 */
export async function downloadTool(release: Release, file: string, signal: AbortSignal | undefined): Promise<void> {
  const download = `${file}.download`;
  try {
    await fetchChecked(release, download, signal);
    const { member } = release;
    const content =
      member === undefined ? createReadStream(download) : readTarMember(createReadStream(download).pipe(createGunzip()), member);
    await pipeline(content, createWriteStream(file, { mode: 0o600 }), { signal });
  } catch (error) {
    await rm(file, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new HoldfastError(FailureType.Unavailable, `${release.url} cannot be used: ${reason}`, { cause: error });
  } finally {
    await rm(download, { force: true });
  }
}

async function fetchChecked(release: Release, file: string, signal: AbortSignal | undefined): Promise<void> {
  assertSecure(new URL(release.url));
  const response = await fetch(release.url, signal === undefined ? {} : { signal });
  if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body), hashing, createWriteStream(file, { mode: 0o600 }), { signal });
  const actual = hash.digest('hex');
  if (actual !== release.sha256) throw new Error(`its SHA-256 is ${actual}, not the pinned ${release.sha256}`);
}

/** The checksum decides, but plain HTTP would still tell the network what is fetched; this machine may. */
function assertSecure(url: URL): void {
  if (url.protocol !== 'https:' && url.hostname !== '127.0.0.1') throw new Error('only https is used');
}
