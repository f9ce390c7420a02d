import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { withLock } from './folder-lock.ts';
import { readPorts, rememberedPorts } from './free-port.ts';
import { addProcessLease, clearLeases, removeDeadLeases } from './leases.ts';
import { awaitStopped, leasesFolder, runningServer } from './process-keeper.ts';
import { ensureServer } from './ready-server.ts';
import type { ServerSpec } from './ready-server.ts';
import { resolveTools } from './resolve-tools.ts';
import type { Progress } from './tool-progress.ts';

export interface S3Options {
  /** Holds the buckets, the port, the lease and the log: one folder, one server. */
  readonly folder: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The server ends when this process does. Default: ours. */
  readonly pid?: number;
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface S3Server {
  /** `http://127.0.0.1:port`, path style. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Ends the server and waits until it is gone; the folder stays. */
  stop(): Promise<void>;
}

const NAME = 'versitygw';
const REGION = 'us-east-1';
const STOP_PATIENCE_MS = 15_000;

/** Starts an S3 server on loopback over a folder, for tests, the demo and benchmarks. A server of the folder that runs already is joined. */
export async function startS3(options: S3Options): Promise<S3Server> {
  const { folder, accessKeyId, secretAccessKey, signal } = options;
  const leases = leasesFolder(folder);
  for (const name of ['buckets', 'versions']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  return withLock(join(folder, 'start.lock'), { signal }, async () => {
    await removeDeadLeases(leases);
    const release = await addProcessLease(leases, options.pid ?? process.pid);
    try {
      const port = await ensureRunning(options);
      const stop = async () => {
        await clearLeases(leases);
        await awaitStopped(folder, NAME, STOP_PATIENCE_MS);
      };
      return { endpoint: `http://127.0.0.1:${port}`, region: REGION, accessKeyId, secretAccessKey, stop };
    } catch (error) {
      await release();
      throw error;
    }
  });
}

async function ensureRunning(options: S3Options): Promise<number> {
  const { folder, bin, progress, signal } = options;
  const running = await runningServer(folder, NAME);
  const path = running === undefined ? (await resolveTools([NAME], { bin, progress, signal })).get(NAME) : undefined;
  const ports: Readonly<Record<string, number>> = running === undefined ? await rememberedPorts(folder, ['s3']) : await readPorts(folder);
  const port = ports['s3'] ?? 0;
  await ensureServer(serverSpec(options, path ?? NAME, port), signal);
  return port;
}

function serverSpec(options: S3Options, command: string, port: number): ServerSpec {
  const { folder } = options;
  return {
    folder,
    name: NAME,
    command,
    arguments: [
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      REGION,
      '--quiet',
      'posix',
      '--versioning-dir',
      join(folder, 'versions'),
      join(folder, 'buckets'),
    ],
    // In the environment, where other users of the machine cannot read them.
    environment: { ROOT_ACCESS_KEY: options.accessKeyId, ROOT_SECRET_KEY: options.secretAccessKey },
    isReady: () => accepts(port),
    stopSeconds: 10,
    patienceMs: 20_000,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const settle = (ready: boolean) => () => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).once('timeout', settle(false));
  });
}
