import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from '../../kubeconfig.ts';
import { runningServer } from '../../process-keeper.ts';
import { ensureServer } from '../../ready-server.ts';
import { resolveTools } from '../../resolve-tools.ts';
import { sandboxKeys } from '../../sandbox-keys.ts';
import type { SandboxPaths } from '../../state-folder.ts';
import { API_SERVER_SERVICE, makeNodePlace } from '../node-place.ts';
import type { NodeOptions } from '../start-node.ts';
import { applyObjects } from './apply-objects.ts';
import { CSI_SERVERS, driverServer, SIDECARS, sidecarServer } from './csi-servers.ts';
import type { CsiParts } from './csi-servers.ts';
import { driverObjects, snapshotDefinitions } from './storage-objects.ts';

/**
 * Makes sure that the sandbox has a storage driver with snapshots: `csi.holdfast.dev`, under the sidecars that real drivers run under. The
 * caller holds the lock and a lease of the sandbox, whose node runs.
 */
export async function startStorageDriver(options: NodeOptions): Promise<void> {
  const { paths, signal, progress } = options;
  const running = await Promise.all(CSI_SERVERS.map((name) => runningServer(paths.folder, name)));
  if (!running.includes(undefined)) return;
  await writeFile(recordFile(paths), '');
  const parts = await csiParts(options);
  const admin = { server: `https://127.0.0.1:${options.apiServerPort}`, authority: parts.keys.authority, ...parts.keys.admin };
  await applyObjects([...(await snapshotDefinitions()), ...driverObjects()], admin);
  for (const server of [await driverServer(parts), ...(await Promise.all(SIDECARS.map((name) => sidecarServer(name, parts))))]) {
    progress?.({ tool: server.name, source: 'start', message: 'starting', elapsedMs: 0 });
    await ensureServer(server, signal);
    progress?.({ tool: server.name, source: 'start', message: 'ready', elapsedMs: 0 });
  }
}

/** Whether the sandbox has a storage driver: from the first `up --csi` until `down`, whether it runs or not. */
export async function hasStorageDriver(paths: SandboxPaths): Promise<boolean> {
  return access(recordFile(paths)).then(
    () => true,
    () => false,
  );
}

export async function forgetStorageDriver(paths: SandboxPaths): Promise<void> {
  await rm(recordFile(paths), { force: true });
}

async function csiParts(options: NodeOptions): Promise<CsiParts> {
  const { paths, apiServerPort } = options;
  const tools = await resolveTools(SIDECARS, options);
  const keys = await sandboxKeys(paths.folder);
  const kubeconfig = join(paths.folder, 'csi.kubeconfig');
  const server = `https://${API_SERVER_SERVICE}`;
  await writeKubeconfig(kubeconfig, { context: paths.context, server, authority: keys.authority, ...keys.admin, user: 'csi' });
  return { paths, place: await makeNodePlace(paths), keys, apiServerPort, kubeconfig, binary: (tool) => tools.get(tool) ?? tool };
}

function recordFile(paths: SandboxPaths): string {
  return join(paths.folder, 'csi');
}
