import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { isAlive, signalProcess } from '../process-identity.ts';
import { awaitStopped, runningServer } from '../process-keeper.ts';
import { ensureServer } from '../ready-server.ts';
import { resolveTools } from '../resolve-tools.ts';
import { sandboxKeys } from '../sandbox-keys.ts';
import type { SandboxPaths } from '../state-folder.ts';
import type { Progress } from '../tool-progress.ts';
import { busyboxImage, pauseImage, resticImage } from './base-images.ts';
import { loadImage } from './image-archive.ts';
import { writeNodeFiles } from './node-files.ts';
import { installCommand, installPackages, missingPackages, pluginFolder, whyNoNode } from './node-packages.ts';
import { API_SERVER_SERVICE, forgetNodePlace, makeNodePlace, NODE_NAME, readInit, readNodePlace } from './node-place.ts';
import type { NodePlace } from './node-place.ts';
import { forgetStorageDriver } from './csi/start-driver.ts';
import { CSI_SERVERS, SIDECARS } from './csi/csi-servers.ts';
import { containerd, holder, HOLDER, kubelet, NODE_SERVERS, nodeEnvironment, scheduler } from './node-servers.ts';
import type { NodeParts } from './node-servers.ts';

export interface NodeOptions {
  readonly paths: SandboxPaths;
  readonly apiServerPort: number;
  /** It will have a storage driver, see csi/start-driver.ts. */
  readonly withStorageDriver?: boolean;
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

const STOP_PATIENCE_MS = 15_000;
const POLL_MS = 50;
/** The folder `sandbox`, in that of the whole program. */
const SOURCES = fileURLToPath(new URL('..', import.meta.url));
const TOOLS = ['kubelet', 'kube-scheduler', 'restic'] as const;

/**
 * Makes sure that a node of the sandbox is there and Ready, and has the images of Holdfast. The caller holds the lock and a lease of the
 * sandbox, whose control plane runs, and has asked `requireMachine`.
 */
export async function startNode(options: NodeOptions): Promise<void> {
  const { paths, signal } = options;
  if (await isNodeRunning(paths)) return;
  const place = await makeNodePlace(paths);
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  const tools = await resolveTools([...TOOLS, ...(options.withStorageDriver === true ? SIDECARS : [])], options);
  const parts = await nodeParts(options, place, tools);
  const start = async (server: Parameters<typeof ensureServer>[0]): Promise<void> => {
    say(options, server.name, 'starting');
    await ensureServer(server, signal);
    say(options, server.name, 'ready');
  };
  if ((await runningServer(paths.folder, 'node')) === undefined) await removeLeftovers(paths, place);
  await start(holder(parts));
  await start(await containerd(parts));
  for (const image of [pauseImage(), busyboxImage(), resticImage(tools.get('restic') ?? 'restic')]) await loadImage(place, image);
  await start(scheduler(parts, await kubeconfigOf('scheduler', parts)));
  await start(await kubelet(parts, await kubeconfigOf('node', parts)));
}

/** Takes away everything of the node outside the sandbox's folder, after its leases are gone. Done twice, or without a node, it does no harm. */
export async function stopNode(paths: SandboxPaths): Promise<void> {
  await Promise.all([...NODE_SERVERS, ...CSI_SERVERS].map((name) => awaitStopped(paths.folder, name, STOP_PATIENCE_MS)));
  await forgetStorageDriver(paths);
  const place = await readNodePlace(paths);
  if (place === undefined) return;
  await removeLeftovers(paths, place);
  await rm(join(place.folder, 'images'), { recursive: true, force: true });
  await forgetNodePlace(paths);
}

/** Whether every server of the node runs. */
async function isNodeRunning(paths: SandboxPaths): Promise<boolean> {
  const running = await Promise.all(NODE_SERVERS.map((name) => runningServer(paths.folder, name)));
  return !running.includes(undefined);
}

/** What a node that was killed has left: processes that are about to die, a link, a firewall rule, control groups. */
async function removeLeftovers(paths: SandboxPaths, place: NodePlace): Promise<void> {
  const init = await readInit(place);
  while (init !== undefined && isAlive(init)) {
    signalProcess(init, 'SIGKILL');
    await sleep(POLL_MS);
  }
  await promisify(execFile)('sh', [HOLDER, 'clean'], { env: nodeEnvironment(place, { apiServerPort: 0, keep: [paths.folder] }) });
}

/**
 * Makes sure that this machine can run a node, before anything is started. `BadInput` where none can run, `NotFound` naming the Debian
 * packages that are missing, unless they may be installed.
 */
export async function requireMachine({ install, progress }: { install: boolean; progress: Progress | undefined }): Promise<void> {
  const reason = whyNoNode();
  if (reason !== undefined) {
    throw new HoldfastError(FailureType.BadInput, reason, { advice: 'run holdfast as root on Linux, or leave out --node' });
  }
  const missing = await missingPackages();
  if (missing.length === 0) return;
  if (!install) {
    throw new HoldfastError(FailureType.NotFound, `a node needs programs of the Debian packages ${missing.join(', ')}`, {
      advice: `run: ${installCommand(missing)} (or add --install-packages)`,
    });
  }
  progress?.({ tool: missing.join(', '), source: 'start', message: `installing: ${installCommand(missing)}`, elapsedMs: 0 });
  await installPackages(missing);
}

async function nodeParts({ paths, apiServerPort }: NodeOptions, place: NodePlace, tools: ReadonlyMap<string, string>): Promise<NodeParts> {
  const keys = await sandboxKeys(paths.folder);
  const files = await writeNodeFiles(place, { authority: keys.authority, plugins: (await pluginFolder()) ?? '' });
  // The storage driver is run by this Node from these sources.
  const sources = [process.execPath, SOURCES];
  const keep = outermost([paths.folder, ...[...tools.values(), ...sources].map((file) => dirname(file))]);
  return { paths, place, keys, files, apiServerPort, keep, binary: (tool) => tools.get(tool) ?? tool };
}

/** Without those that are inside of others. */
function outermost(folders: readonly string[]): readonly string[] {
  return [...new Set(folders)].filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

/** kubelet reaches the API server as pods do; the scheduler is on this machine's side. */
async function kubeconfigOf(who: 'node' | 'scheduler', { paths, keys, apiServerPort }: NodeParts): Promise<string> {
  const file = join(paths.folder, `${who}.kubeconfig`);
  const server = who === 'node' ? `https://${API_SERVER_SERVICE}` : `https://127.0.0.1:${apiServerPort}`;
  const user = who === 'node' ? `system:node:${NODE_NAME}` : 'system:kube-scheduler';
  await writeKubeconfig(file, { context: paths.context, server, authority: keys.authority, ...keys[who], user });
  return file;
}

function say({ progress }: NodeOptions, tool: string, message: string): void {
  progress?.({ tool, source: 'start', message, elapsedMs: 0 });
}
