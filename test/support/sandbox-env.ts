import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { upSandbox } from '../../sandbox/control-plane.ts';
import type { Sandbox, UpOptions } from '../../sandbox/control-plane.ts';
import { readNodePlace } from '../../sandbox/node/node-place.ts';
import type { NodePlace } from '../../sandbox/node/node-place.ts';
import { sandboxPaths } from '../../sandbox/state-folder.ts';
import { startAzure } from '../../sandbox/azure-server.ts';
import type { AzureServer } from '../../sandbox/azure-server.ts';
import { startGcs } from '../../sandbox/gcs-server.ts';
import type { GcsServer } from '../../sandbox/gcs-server.ts';
import { startS3 } from '../../sandbox/s3-server.ts';
import type { S3Server } from '../../sandbox/s3-server.ts';
import { startSecondS3 } from '../../sandbox/second-s3-server.ts';
import { downSandbox, sandboxStatus } from '../../sandbox/sandbox-status.ts';
import { startTemporal, stopTemporal } from '../../sandbox/temporal-server.ts';

/** A started server of a test. It ends with the test's process at the latest; `stop` ends it now and removes what it held. */
export interface Stoppable {
  stop(): Promise<void>;
}

export interface TestNode extends Sandbox, Stoppable {
  readonly place: NodePlace;
  /** Kills one of its servers with SIGKILL: `kubelet`, `containerd` ... */
  crash(server: string): Promise<void>;
  /** Starts what was killed, as `sandbox up` does. */
  mend(): Promise<void>;
}

/** A control plane of its own for one test file: allow two minutes in `beforeAll`. Binaries are found as users' are, see docs/sandbox.md. */
export async function startTestCluster(): Promise<Sandbox & Stoppable> {
  return startTestSandbox(await temporaryFolder('cluster'), {});
}

/**
 * The same with a node that runs pods: Linux and root only. It has the images `holdfast/busybox:1` and `holdfast/restic:0.18.1`; `loadImage`
 * brings others to `place`. Pods reach what listens on 127.0.0.1 here at `place.hostAddress`. `withStorageDriver` for claims of the storage
 * classes `holdfast-csi` and `holdfast-csi-now`, with snapshots.
 */
export async function startTestNode({ withStorageDriver = false } = {}): Promise<TestNode> {
  const state = await temporaryFolder('node');
  const sandbox = await startTestSandbox(state, { withNode: true, withStorageDriver });
  const place = await readNodePlace(sandboxPaths(sandbox.name, state));
  if (place === undefined) throw new Error(`the sandbox in ${state} has no node`);
  const crash = async (name: string): Promise<void> => {
    const { servers } = await sandboxStatus({ name: sandbox.name, state });
    process.kill(servers.find((server) => server.name === name)?.pid ?? Number.NaN, 'SIGKILL');
  };
  const mend = async (): Promise<void> => {
    await upSandbox({ name: sandbox.name, state, lifetime: 'process' });
  };
  return { ...sandbox, place, crash, mend };
}

async function startTestSandbox(state: string, parts: Pick<UpOptions, 'withNode' | 'withStorageDriver'>): Promise<Sandbox & Stoppable> {
  const name = `test-${randomBytes(4).toString('hex')}`;
  const sandbox = await upSandbox({ name, state, ...parts, lifetime: 'process' });
  let stopped: Promise<void> | undefined;
  const down = async (): Promise<void> => {
    await downSandbox({ name, state, purge: true });
    await removeFolder(state);
  };
  // A test may lose its cluster before it is closed.
  return { ...sandbox, stop: () => (stopped ??= down()) };
}

/** An S3 server with no bucket in it, path style. */
export async function startTestS3(): Promise<S3Server & { readonly folder: string }> {
  const folder = await temporaryFolder('s3');
  const server = await startS3({ folder, accessKeyId: 'test-access', secretAccessKey: randomBytes(16).toString('hex') });
  const stop = async () => {
    await server.stop();
    await removeFolder(folder);
  };
  return { ...server, folder, stop };
}

/** Another implementation of S3, with no bucket in it, path style. */
export async function startTestSecondS3(): Promise<S3Server & { readonly folder: string }> {
  const folder = await temporaryFolder('second-s3');
  const server = await startSecondS3({ folder, accessKeyId: 'test-access', secretAccessKey: randomBytes(16).toString('hex') });
  const stop = async () => {
    await server.stop();
    await removeFolder(folder);
  };
  return { ...server, folder, stop };
}

/** A server of Google Cloud Storage with no bucket in it. */
export async function startTestGcs(): Promise<GcsServer> {
  const folder = await temporaryFolder('gcs');
  const server = await startGcs({ folder });
  const stop = async () => {
    await server.stop();
    await removeFolder(folder);
  };
  return { ...server, stop };
}

/** A server of Azure's blobs with no container in it. */
export async function startTestAzure(): Promise<AzureServer> {
  const folder = await temporaryFolder('azure');
  const server = await startAzure({ folder, account: 'holdfasttest', accountKey: randomBytes(64).toString('base64') });
  const stop = async () => {
    await server.stop();
    await removeFolder(folder);
  };
  return { ...server, stop };
}

/** A Temporal server with the namespace `default` and an empty database. */
export async function startTestTemporal(): Promise<{ readonly address: string; readonly folder: string } & Stoppable> {
  const folder = await temporaryFolder('temporal');
  const server = await startTemporal({ folder, lease: { pid: process.pid } });
  const stop = async () => {
    await stopTemporal(folder);
    await removeFolder(folder);
  };
  return { address: server.address, folder, stop };
}

function temporaryFolder(what: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `holdfast-test-${what}-`));
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
