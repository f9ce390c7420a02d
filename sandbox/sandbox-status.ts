import { access, readdir, rm } from 'node:fs/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { describeSandbox, serversOf } from './control-plane.ts';
import type { Sandbox } from './control-plane.ts';
import { withLock } from './folder-lock.ts';
import { clearLeases, endProcessLeases } from './leases.ts';
import { readOpenedPlace } from './opened-place.ts';
import { awaitStopped, leasesFolder, logFile, runningServer } from './process-keeper.ts';
import { CSI_SERVERS } from './node/csi/csi-servers.ts';
import { hasStorageDriver } from './node/csi/start-driver.ts';
import { NODE_SERVERS } from './node/node-servers.ts';
import { stopNode } from './node/start-node.ts';
import { sandboxesFolder, sandboxPaths, stateFolder } from './state-folder.ts';
import type { SandboxPaths } from './state-folder.ts';
import { stopTemporal } from './temporal-server.ts';

interface SandboxServer {
  readonly name: string;
  readonly running: boolean;
  readonly pid?: number;
  /** ISO-8601. */
  readonly startedAt?: string;
  readonly logFile: string;
}

export interface SandboxStatus extends Sandbox {
  /** `broken`: some servers of the control plane and the node run and others do not; `up` mends it. */
  readonly state: 'running' | 'broken' | 'stopped';
  readonly servers: readonly SandboxServer[];
}

export interface NamedSandbox {
  readonly name: string;
  /** Default: the user's, see state-folder.ts. */
  readonly state?: string;
}

const STOP_PATIENCE_MS = 15_000;

/** What runs of a sandbox, and where. `NotFound` when there is none of that name. */
export async function sandboxStatus(options: NamedSandbox): Promise<SandboxStatus> {
  return statusOf(await existingSandbox(options));
}

/** Every sandbox of the user, by name. */
export async function listSandboxes(state: string = stateFolder()): Promise<readonly SandboxStatus[]> {
  const names = await readdir(sandboxesFolder(state)).catch(() => []);
  return Promise.all(names.toSorted().map((name) => statusOf(sandboxPaths(name, state))));
}

/**
 * Ends every process of a sandbox and waits until they are gone. What it holds is kept for the next `up`, or removed with `purge`; an opened
 * snapshot is always removed: it is plain text of what the backup keeps sealed. Answers whether it was. Done twice it does no harm; `NotFound`
 * when there is none of that name.
 */
export async function downSandbox(options: NamedSandbox & { readonly purge: boolean; readonly signal?: AbortSignal }): Promise<boolean> {
  const paths = await existingSandbox(options);
  return withLock(paths.lock, { signal: options.signal }, async () => {
    const isRemoved = options.purge || (await readOpenedPlace(paths)) !== undefined;
    await end(paths, isRemoved);
    return isRemoved;
  });
}

/** This process needs an opened snapshot no more: it is ended and removed, unless others use it. Does nothing to any other sandbox. */
export async function leaveSnapshot({ name, state = stateFolder() }: NamedSandbox): Promise<void> {
  const paths = sandboxPaths(name, state);
  await withLock(paths.lock, {}, async () => {
    if ((await readOpenedPlace(paths)) === undefined) return;
    if (!(await endProcessLeases(leasesFolder(paths.folder), process.pid))) await end(paths, true);
  });
}

async function end(paths: SandboxPaths, isRemoved: boolean): Promise<void> {
  await clearLeases(leasesFolder(paths.folder));
  const servers = (await serversOf(paths)).map((name) => awaitStopped(paths.folder, name, STOP_PATIENCE_MS));
  await Promise.all([...servers, stopNode(paths), stopTemporal(paths.temporal)]);
  if (isRemoved) await rm(paths.folder, { recursive: true, force: true });
}

async function existingSandbox({ name, state = stateFolder() }: NamedSandbox): Promise<SandboxPaths> {
  const paths = sandboxPaths(name, state);
  const there = await access(paths.folder).then(
    () => true,
    () => false,
  );
  if (there) return paths;
  throw new HoldfastError(FailureType.NotFound, `there is no sandbox ${name} in ${sandboxesFolder(state)}`, {
    advice: `make it with: holdfast sandbox up --name ${name}`,
  });
}

async function statusOf(paths: SandboxPaths): Promise<SandboxStatus> {
  const sandbox = await describeSandbox(paths);
  const driver = (await hasStorageDriver(paths)) ? CSI_SERVERS : [];
  const names = [...(await serversOf(paths)), ...(sandbox.node === undefined ? [] : NODE_SERVERS), ...driver];
  const cluster = await Promise.all(names.map((name) => serverStatus(paths.folder, name)));
  const temporal = await serverStatus(paths.temporal, 'temporal');
  const running = cluster.filter((server) => server.running).length;
  const state = running === 0 ? 'stopped' : running === cluster.length ? 'running' : 'broken';
  return { ...sandbox, state, servers: temporal.running ? [...cluster, temporal] : cluster };
}

async function serverStatus(folder: string, name: string): Promise<SandboxServer> {
  const record = await runningServer(folder, name);
  const shared = { name, logFile: logFile(folder, name) };
  if (record === undefined) return { ...shared, running: false };
  return { ...shared, running: true, pid: record.server.pid, startedAt: record.startedAt };
}
