import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openStore, type StoreOptions } from '../../storage/open-store.ts';
import { collect } from '../support/collect.ts';
import { SeededSource } from '../support/large-source.ts';
import { startTestS3 } from '../support/sandbox-env.ts';

const MIB = 1024 * 1024;
const SIZE = 128 * MIB;
const SCRIPT = join(import.meta.dirname, '..', 'support', 'large-upload.ts');

/** Starts the upload in a process of its own and kills it when half of it is sent. */
async function sendAndKill(url: string, options: StoreOptions): Promise<number> {
  const child = spawn(process.execPath, ['--no-warnings', SCRIPT, url, JSON.stringify(options), String(SIZE)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let sent = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    sent = Number(line);
    if (sent >= SIZE / 2) break;
  }
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return sent;
}

describe('a large upload whose process is killed', () => {
  let server: Awaited<ReturnType<typeof startTestS3>>;
  let folder: string;
  beforeAll(async () => {
    server = await startTestS3();
    folder = await mkdtemp(join(tmpdir(), 'holdfast-killed-'));
    const client = new S3Client(s3());
    await client.send(new CreateBucketCommand({ Bucket: 'killed' }));
    client.destroy();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function s3() {
    const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
    return { endpoint: server.endpoint, region: server.region, credentials, forcePathStyle: true };
  }

  it.each(['s3', 'file'])(
    'shows nothing, and another process goes on with what is there: %s',
    async (kind) => {
      const [url, options]: [string, StoreOptions] = kind === 's3' ? ['s3://killed/place', s3()] : [`file://${folder}`, {}];
      const sent = await sendAndKill(url, options);
      const store = openStore(url, options);
      expect(await collect(store.list(''))).toEqual([]);
      const source = new SeededSource('killed', SIZE);
      const reports: number[] = [];
      await store.createLarge('large/killed', source, { onProgress: (bytes) => reports.push(bytes) });
      // What was sent and not reported any more may be there as well.
      expect(reports[0]).toBeGreaterThanOrEqual(sent);
      for (let offset = 0; offset < SIZE; offset += 16 * MIB) {
        const range = { offset, length: 16 * MIB };
        expect((await store.read('large/killed', range)).equals(await source.read(range))).toBe(true);
      }
      if (kind === 'file') expect(await readdir(join(folder, 'large'))).toEqual(['killed']);
      await store.close();
    },
    120_000,
  );
});
