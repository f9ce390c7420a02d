import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startLoopback, type LoopbackOptions, type LoopbackServer } from './loopback-server.ts';
import { resolveTools } from './resolve-tools.ts';
import type { Progress } from './tool-progress.ts';

export interface S3Options extends LoopbackOptions {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
}

export interface S3Server extends Omit<LoopbackServer, 'port'> {
  /** `http://127.0.0.1:port`, path style. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const NAME = 'versitygw';
const REGION = 'us-east-1';

/** Starts an S3 server on loopback over a folder, for tests, the demo and benchmarks. A server of the folder that runs already is joined. */
export async function startS3(options: S3Options): Promise<S3Server> {
  const { folder, accessKeyId, secretAccessKey, bin, progress, signal } = options;
  for (const name of ['buckets', 'versions', 'users']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  const server = await startLoopback(
    {
      name: NAME,
      command: async () => (await resolveTools([NAME], { bin, progress, signal })).get(NAME) ?? NAME,
      arguments: (port) => [
        '--port',
        `127.0.0.1:${port}`,
        '--region',
        REGION,
        '--quiet',
        '--iam-dir',
        join(folder, 'users'),
        ...backend(folder),
      ],
      // In the environment, where other users of the machine cannot read them.
      environment: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
    },
    options,
  );
  return { endpoint: `http://127.0.0.1:${server.port}`, region: REGION, accessKeyId, secretAccessKey, stop: () => server.stop() };
}

function backend(folder: string): readonly string[] {
  return ['posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'buckets')];
}
