import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { captureInProcess, type CaptureFigures } from '../support/capture-process.ts';
import { EtcdCluster } from '../support/etcd-cluster.ts';

const MEBIBYTE = 1024 * 1024;
const SMALL = 96;
const LARGE = 4 * SMALL;

let folder: string;
let cluster: EtcdCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-memory-'));
  cluster = await EtcdCluster.start();
}, 120_000);
afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Captures a database of so many MiB of random bytes, of which nothing is compressed away: what waits in memory is as large as it can be. */
async function captureOf(mebibytes: number, from: number): Promise<CaptureFigures> {
  const client = await cluster.client();
  for (let number = from; number < mebibytes; number += 1) await client.put(`value/${number}`).value(randomBytes(MEBIBYTE));
  const [endpoint = ''] = cluster.endpoints;
  return captureInProcess({ endpoint, files: cluster.files, location: join(folder, String(mebibytes)) });
}

describe('the memory of a capture', () => {
  it('does not grow with the database', async () => {
    const small = await captureOf(SMALL, 0);
    const large = await captureOf(LARGE, SMALL);
    const grownBytes = large.etcd.snapshot.bytes - small.etcd.snapshot.bytes;
    expect(grownBytes).toBeGreaterThan((LARGE - SMALL) * MEBIBYTE);
    // When garbage is collected is chance; what is kept by mistake is all of it.
    expect(large.peakBytes - small.peakBytes).toBeLessThan(grownBytes / 2);
  }, 120_000);
});
