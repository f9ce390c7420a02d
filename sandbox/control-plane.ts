import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { apiServer, controllerManager, CONTROL_PLANE_SERVERS, etcdServer, SNAPSHOT_SERVERS } from './control-plane-servers.ts';
import type { ControlPlaneParts, ControlPlaneServer } from './control-plane-servers.ts';
import { withLock } from './folder-lock.ts';
import { readPorts, rememberedPorts } from './free-port.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { addProcessLease, addUntilDownLease, removeDeadLeases } from './leases.ts';
import { isThere, openedFiles, readOpenedPlace, readOpenedStore } from './opened-place.ts';
import type { EncryptedKind, OpenedPlace } from './opened-place.ts';
import { leasesFolder, runningServer } from './process-keeper.ts';
import { ensureServer } from './ready-server.ts';
import { resolveTools } from './resolve-tools.ts';
import type { ServerSpec } from './ready-server.ts';
import { sandboxKeys } from './sandbox-keys.ts';
import { snapshotServers } from './snapshot-servers.ts';
import { sandboxPaths, stateFolder } from './state-folder.ts';
import type { SandboxPaths } from './state-folder.ts';
import { hasStorageDriver, startStorageDriver } from './node/csi/start-driver.ts';
import { requireMachine, startNode } from './node/start-node.ts';
import { NODE_NAME, readNodePlace } from './node/node-place.ts';
import { startTemporal, temporalStatus } from './temporal-server.ts';
import type { Progress } from './tool-progress.ts';

export interface UpOptions {
  /** A short DNS label. */
  readonly name: string;
  /** See `ResolveOptions.bin`. */
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
  /** Also start a Temporal server with its web pages. */
  readonly withTemporal?: boolean;
  /** Also start a node, for pods: Linux and root only. A sandbox that has one keeps it until `down`. */
  readonly withNode?: boolean;
  /** With `withNode`, also start a storage driver that makes snapshots. A sandbox that has one keeps it until `down`. */
  readonly withStorageDriver?: boolean;
  /** Install the Debian packages that a node needs and this machine lacks. */
  readonly installPackages?: boolean;
  /** `until-down` (default) outlives us; `process` ends with us, however we end. */
  readonly lifetime?: 'until-down' | 'process';
  /** Default: the user's, see state-folder.ts. */
  readonly state?: string;
  readonly signal?: AbortSignal | undefined;
}

/** A running sandbox and how to reach it. */
export interface Sandbox {
  readonly name: string;
  readonly folder: string;
  readonly kubeconfigPath: string;
  readonly context: string;
  /** URL of the API server. */
  readonly apiServer: string;
  /** `host:port`; absent without Temporal. */
  readonly temporalAddress?: string;
  readonly temporalUi?: string;
  /** Absent without a node. */
  readonly node?: SandboxNode;
  /** Set when it shows an etcd snapshot and has no controllers. */
  readonly opened?: SandboxSnapshot;
}

interface SandboxSnapshot {
  readonly backup: string;
  /** Kinds that are encrypted in the snapshot and whose keys the API server does not have. */
  readonly unreadable: readonly EncryptedKind[];
}

interface SandboxNode {
  readonly name: string;
  readonly address: string;
  /** Where pods reach the servers that listen on this machine's 127.0.0.1. */
  readonly hostAddress: string;
}

/**
 * Makes sure that the sandbox of that name runs, with what it held before: etcd, kube-apiserver and kube-controller-manager, ready for use,
 * and a kubeconfig for its admin. Returns at once when it runs already. When we fail or are killed before the end, whatever was started for
 * it goes away within seconds. Rejects with `BadInput` (name), `NotFound` (binaries) or `Unavailable` (a server does not start).
 */
export async function upSandbox(options: UpOptions): Promise<Sandbox> {
  const paths = sandboxPaths(options.name, options.state ?? stateFolder());
  const onWait = () => {
    options.progress?.({
      tool: `sandbox ${options.name}`,
      source: 'start',
      message: 'waiting for another start or stop of it',
      elapsedMs: 0,
    });
  };
  return withLock(paths.lock, { signal: options.signal, onWait }, async () => {
    await mkdir(paths.folder, { recursive: true, mode: 0o700 });
    return upLocked(paths, options);
  });
}

/** How to reach a sandbox whose servers run or have run. */
export async function describeSandbox(paths: SandboxPaths): Promise<Sandbox> {
  const ports = await readPorts(paths.folder);
  const temporal = await temporalStatus(paths.temporal);
  const place = await readNodePlace(paths);
  return {
    name: paths.name,
    folder: paths.folder,
    kubeconfigPath: paths.kubeconfig,
    context: paths.context,
    apiServer: apiServerUrl(ports['kube-apiserver'] ?? 0),
    ...(temporal === undefined ? {} : { temporalAddress: temporal.address }),
    ...(temporal?.uiUrl === undefined ? {} : { temporalUi: temporal.uiUrl }),
    ...(place === undefined ? {} : { node: { name: NODE_NAME, address: place.nodeAddress, hostAddress: place.hostAddress } }),
    ...(await describeSnapshot(paths)),
  };
}

/** An API server starts with keys for all that is encrypted, or without any. */
async function describeSnapshot(paths: SandboxPaths): Promise<Pick<Sandbox, 'opened'>> {
  const opened = await readOpenedPlace(paths);
  if (opened === undefined) return {};
  const hasKeys = await isThere(openedFiles(paths).encryption);
  const store = await readOpenedStore(paths);
  return { opened: { backup: opened.backup, unreadable: hasKeys ? [] : (store?.encrypted ?? []) } };
}

/** The servers of a sandbox that start one after the other. */
export async function serversOf(paths: SandboxPaths): Promise<readonly ControlPlaneServer[]> {
  return (await readOpenedPlace(paths)) === undefined ? CONTROL_PLANE_SERVERS : SNAPSHOT_SERVERS;
}

/** For whoever holds the sandbox's lock. The leases of this process come first and go last: between them, our death ends everything that the sandbox would not have had otherwise. */
export async function upLocked(paths: SandboxPaths, options: UpOptions): Promise<Sandbox> {
  const leases = leasesFolder(paths.folder);
  await removeDeadLeases(leases);
  const release = await addProcessLease(leases, process.pid);
  try {
    const [, temporal] = await allOrFirstError([startControlPlane(paths, options), startOwnTemporal(paths, options)]);
    if (options.lifetime === 'process') return await describeSandbox(paths);
    await addUntilDownLease(leases);
    if (temporal !== undefined) await addUntilDownLease(leasesFolder(paths.temporal));
    await temporal?.release();
    await release();
    return await describeSandbox(paths);
  } catch (error) {
    await release();
    throw error;
  }
}

/** Waits for both, so that nothing goes on after a failure is reported. */
async function allOrFirstError<A, B>(work: [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function startOwnTemporal(paths: SandboxPaths, options: UpOptions) {
  if (options.withTemporal !== true) return undefined;
  const { bin, progress, signal } = options;
  return startTemporal({ folder: paths.temporal, lease: { pid: process.pid }, ui: true, bin, progress, signal });
}

async function startControlPlane(paths: SandboxPaths, options: UpOptions): Promise<void> {
  const { signal, progress } = options;
  const withNode = options.withNode === true || (await readNodePlace(paths)) !== undefined;
  if (withNode) await requireOwnCluster(paths);
  if (withNode) await requireMachine({ install: options.installPackages === true, progress });
  const startedMs = performance.now();
  const running = await runningOf(paths);
  const parts = await controlPlaneParts(paths, running, options);
  const say = (tool: string, message: string) => progress?.({ tool, source: 'start', message, elapsedMs: performance.now() - startedMs });
  for await (const server of serversFrom(parts, await readOpenedPlace(paths))) {
    if (!running.has(server.name)) say(server.name, 'starting');
    await ensureServer(server, signal);
    if (!running.has(server.name)) say(server.name, 'ready');
  }
  if (!withNode) return;
  const withStorageDriver = options.withStorageDriver === true || (await hasStorageDriver(paths));
  const node = { paths, apiServerPort: parts.ports.apiServer, bin: options.bin, progress, signal, withStorageDriver };
  await startNode(node);
  if (withStorageDriver) await startStorageDriver(node);
}

/** Pods of a snapshot must not run a second time. */
async function requireOwnCluster(paths: SandboxPaths): Promise<void> {
  if ((await readOpenedPlace(paths)) === undefined) return;
  throw new HoldfastError(FailureType.BadInput, `sandbox ${paths.name} shows an etcd snapshot: it can have no node`, {
    advice: 'choose another name with --name',
  });
}

async function runningOf(paths: SandboxPaths): Promise<ReadonlySet<string>> {
  const running = new Set<string>();
  for (const name of await serversOf(paths)) {
    if ((await runningServer(paths.folder, name)) !== undefined) running.add(name);
  }
  return running;
}

/** Each is taken when the one before is ready. */
function serversFrom(parts: ControlPlaneParts, opened: OpenedPlace | undefined): AsyncGenerator<ServerSpec> {
  return opened === undefined ? clusterServers(parts) : openedServers(parts);
}

async function* clusterServers(parts: ControlPlaneParts): AsyncGenerator<ServerSpec> {
  const controllerKubeconfig = await writeKubeconfigs(parts);
  yield* [etcdServer(parts), apiServer(parts), controllerManager(parts, controllerKubeconfig)];
}

/** Its kubeconfig gives no folder free: the volumes of the snapshot are elsewhere. */
async function* openedServers(parts: ControlPlaneParts): AsyncGenerator<ServerSpec> {
  const { paths, keys, ports } = parts;
  const access = { context: paths.context, server: apiServerUrl(ports.apiServer), authority: keys.authority };
  await writeKubeconfig(paths.kubeconfig, { ...access, ...keys.admin, user: `${paths.context}-admin` });
  yield* snapshotServers(parts);
}

/** Binaries are looked for only when something has to be started. */
async function controlPlaneParts(
  paths: SandboxPaths,
  running: ReadonlySet<string>,
  { bin, progress, signal }: UpOptions,
): Promise<ControlPlaneParts> {
  const missing = (await serversOf(paths)).filter((name) => !running.has(name));
  const tools = await resolveTools(missing, { bin, progress, signal });
  const ports = await rememberedPorts(paths.folder, ['etcd', 'kube-apiserver'], running);
  return {
    paths,
    keys: await sandboxKeys(paths.folder),
    ports: { etcd: ports.etcd, apiServer: ports['kube-apiserver'] },
    binary: (tool) => tools.get(tool) ?? tool,
  };
}

/** The admin's kubeconfig is for users; the controller manager's, whose path is returned, has its own identity. */
async function writeKubeconfigs({ paths, keys, ports }: ControlPlaneParts): Promise<string> {
  const shared = { context: paths.context, server: apiServerUrl(ports.apiServer), authority: keys.authority };
  await writeKubeconfig(paths.kubeconfig, { ...shared, ...keys.admin, user: `${paths.context}-admin`, localVolumes: paths.volumes });
  const controllers = join(paths.folder, 'kube-controller-manager.kubeconfig');
  await writeKubeconfig(controllers, { ...shared, ...keys.controllerManager, user: 'system:kube-controller-manager' });
  return controllers;
}

function apiServerUrl(port: number): string {
  return `https://127.0.0.1:${port}`;
}
