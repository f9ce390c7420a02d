import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { upSandbox } from '../sandbox/control-plane.ts';
import { startS3, type S3Server } from '../sandbox/s3-server.ts';
import { downSandbox } from '../sandbox/sandbox-status.ts';
import { startTemporal, stopTemporal } from '../sandbox/temporal-server.ts';
import { HoldfastCommand } from './holdfast-command.ts';
import { toolNews } from './tool-news.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/holdfast', import.meta.url));
const SANDBOX = 'bench';
const BUCKET = 'bench';

/** Servers of our own in a temporary folder, and a worker in a process of its own. Everything ends with this process at the latest. */
export interface BenchPlace {
  readonly kubeconfig: string;
  /** The cluster's name for runs. */
  readonly cluster: string;
  readonly temporal: Client;
  /** The highest resident size that the worker has had, in MB (10^6 bytes). */
  peakMemory(): Promise<number>;
  close(): Promise<void>;
}

/** `locations` are made, each with an empty repository, before the worker starts. */
export async function makeBenchPlace(locations: readonly string[]): Promise<BenchPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const close = async () => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    return { ...(await build(folder, locations, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(folder: string, locations: readonly string[], undo: (() => Promise<unknown>)[]): Promise<Omit<BenchPlace, 'close'>> {
  const progress = (event: Parameters<typeof toolNews>[0]) => {
    console.error(toolNews(event));
  };
  const state = join(folder, 'state');
  undo.push(() => downSandbox({ name: SANDBOX, state, purge: true }));
  const sandbox = await upSandbox({ name: SANDBOX, state, lifetime: 'process', progress });
  const s3 = await startS3({ folder: join(folder, 's3'), accessKeyId: 'bench', secretAccessKey: 'bench-secret', progress });
  undo.push(() => s3.stop());
  await makeBucket(s3);
  const temporalFolder = join(folder, 'temporal');
  undo.push(() => stopTemporal(temporalFolder));
  const { address } = await startTemporal({ folder: temporalFolder, lease: { pid: process.pid }, progress });

  const temporalConfig = join(folder, 'temporal.toml');
  await writeFile(temporalConfig, '[profile.default]\n');
  const environment = {
    ...process.env,
    KUBECONFIG: sandbox.kubeconfigPath,
    HOLDFAST_STATE_DIR: state,
    HOLDFAST_CONFIG: join(folder, 'config.yaml'),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_CONFIG_FILE: temporalConfig,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  await makeLocations(locations, { holdfast: new HoldfastCommand(environment), s3, keyFile: join(folder, 'bench.key') });
  const worker = await startWorker(environment);
  undo.push(() => ended(worker));
  const connection = await Connection.connect({ address });
  undo.push(() => connection.close());
  const peakMemory = () => peakMemoryOf(worker.pid ?? 0);
  return { kubeconfig: sandbox.kubeconfigPath, cluster: sandbox.context, temporal: new Client({ connection }), peakMemory };
}

async function makeBucket({ endpoint, region, accessKeyId, secretAccessKey }: S3Server): Promise<void> {
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

interface Storage {
  readonly holdfast: HoldfastCommand;
  readonly s3: S3Server;
  readonly keyFile: string;
}

async function makeLocations(names: readonly string[], { holdfast, s3, keyFile }: Storage): Promise<void> {
  const store = ['--endpoint', s3.endpoint, '--region', s3.region, '--path-style', '--key-file', keyFile];
  for (const name of names) {
    await holdfast.run('location', 'add', name, `s3://${BUCKET}/${name}`, ...store);
    await holdfast.run('repository', 'init', '--location', name, '--recovery-key-kept');
  }
}

/** Resolves when the worker says that it serves. */
async function startWorker(environment: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const worker = spawn(LAUNCHER, ['worker', 'run'], { env: environment, stdio: ['ignore', 'inherit', 'pipe'] });
  const stop = () => worker.kill('SIGKILL');
  process.once('exit', stop);
  worker.once('exit', () => process.off('exit', stop));
  for await (const line of createInterface({ input: worker.stderr })) {
    console.error(line);
    if (line.startsWith('serving ')) {
      worker.stderr.resume();
      return worker;
    }
  }
  throw new Error('the worker ended before it served anything');
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else {
      child.once('exit', () => {
        resolve();
      });
      child.kill('SIGTERM');
    }
  });
}

async function peakMemoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  return (kibibytes * 1_024) / 1e6;
}
