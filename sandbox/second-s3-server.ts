import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startLoopback } from './loopback-server.ts';
import { resolveTools } from './resolve-tools.ts';
import type { S3Options, S3Server } from './s3-server.ts';

const NAME = 'rclone';
const REGION = 'us-east-1';

/**
 * Starts `rclone serve s3` on loopback over a folder, for tests: another implementation of S3 than startS3's. It ignores conditions, so that
 * the second of two writers wins, and knows neither versions nor locks. Folders in its folder are its buckets.
 */
export async function startSecondS3(options: S3Options): Promise<S3Server> {
  const { folder, accessKeyId, secretAccessKey, bin, progress, signal } = options;
  const buckets = join(folder, 'buckets');
  await mkdir(buckets, { recursive: true, mode: 0o700 });
  const server = await startLoopback(
    {
      name: NAME,
      command: async () => (await resolveTools([NAME], { bin, progress, signal })).get(NAME) ?? NAME,
      arguments: (port) => ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--config', '', '--log-level', 'ERROR', buckets],
      // In the environment, where other users of the machine cannot read them; the quotes are CSV's.
      environment: { RCLONE_AUTH_KEY: `"${accessKeyId},${secretAccessKey}"` },
    },
    options,
  );
  return { endpoint: `http://127.0.0.1:${server.port}`, region: REGION, accessKeyId, secretAccessKey, stop: () => server.stop() };
}
