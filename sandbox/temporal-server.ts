import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './folder-lock.ts';
import { readPorts, rememberedPorts } from './free-port.ts';
import { addProcessLease, addUntilDownLease, clearLeases, removeDeadLeases } from './leases.ts';
import { awaitStopped, leasesFolder, runningServer } from './process-keeper.ts';
import { ensureServer } from './ready-server.ts';
import type { ServerSpec } from './ready-server.ts';
import { resolveTools } from './resolve-tools.ts';
import type { Progress } from './tool-progress.ts';

export interface TemporalOptions {
  /** Holds the database, the ports, the leases and the log: one folder, one server. */
  readonly folder: string;
  /** Whom the server runs for: as long as that process lives, or until `stopTemporal`. */
  readonly lease: { readonly pid: number } | 'until-down';
  /** Also serve Temporal's web pages. A server that runs already is taken as it is. */
  readonly ui?: boolean;
  /** See `ResolveOptions.bin`. */
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TemporalServer {
  /** `host:port` of the frontend; the same after every restart, as long as nobody else takes the port. */
  readonly address: string;
  readonly uiUrl?: string;
  /** Keeps the server running for another process as well; the result ends that. */
  join(pid: number): Promise<() => Promise<void>>;
  /** Gives up the lease that was asked for; the server ends within seconds when it was the last. */
  release(): Promise<void>;
}

const NAME = 'temporal';
const STOP_PATIENCE_MS = 15_000;

/**
 * Joins the Temporal server of a folder, or starts it and waits until it serves. Any number of processes may do so at the same time; the
 * server ends when the last of them does, however it ends.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { folder, signal } = options;
  const leases = leasesFolder(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, 'start.lock'), { signal }, async () => {
    await removeDeadLeases(leases);
    const releaseOwn = await addProcessLease(leases, options.lease === 'until-down' ? process.pid : options.lease.pid);
    try {
      await ensureRunning(options);
    } catch (error) {
      await releaseOwn();
      throw error;
    }
    const release = options.lease === 'until-down' ? await addUntilDownLease(leases) : releaseOwn;
    if (options.lease === 'until-down') await releaseOwn();
    return {
      ...(await temporalAddresses(folder)),
      join: (pid: number) => addProcessLease(leases, pid),
      release,
    };
  });
}

/** Ends the server of a folder, whoever uses it, and waits until it is gone. */
export async function stopTemporal(folder: string): Promise<void> {
  await clearLeases(leasesFolder(folder));
  await awaitStopped(folder, NAME, STOP_PATIENCE_MS);
}

/** Where the server of a folder listens, or would again; undefined when it does not run. */
export async function temporalStatus(folder: string): Promise<Pick<TemporalServer, 'address' | 'uiUrl'> | undefined> {
  return (await runningServer(folder, NAME)) === undefined ? undefined : temporalAddresses(folder);
}

async function temporalAddresses(folder: string): Promise<Pick<TemporalServer, 'address' | 'uiUrl'>> {
  const ports = await readPorts(folder);
  const uiUrl = ports['ui'] === undefined ? {} : { uiUrl: `http://127.0.0.1:${ports['ui']}` };
  return { address: `127.0.0.1:${ports['frontend'] ?? 0}`, ...uiUrl };
}

async function ensureRunning(options: TemporalOptions): Promise<void> {
  const { folder, bin, progress, signal } = options;
  const running = await runningServer(folder, NAME);
  const path = running === undefined ? (await resolveTools([NAME], { bin, progress, signal })).get(NAME) : undefined;
  const names = ['frontend', 'http', 'metrics', ...(options.ui === true ? ['ui'] : [])];
  const ports = running === undefined ? await rememberedPorts(folder, names) : await readPorts(folder);
  if (running === undefined) progress?.({ tool: NAME, source: 'start', message: 'starting', elapsedMs: 0 });
  await ensureServer(serverSpec(folder, path ?? NAME, ports), signal);
}

function serverSpec(folder: string, command: string, ports: Readonly<Record<string, number>>): ServerSpec {
  const ui = ports['ui'];
  return {
    folder,
    name: NAME,
    command,
    arguments: [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${ports['frontend'] ?? 0}`,
      `--http-port=${ports['http'] ?? 0}`,
      `--metrics-port=${ports['metrics'] ?? 0}`,
      ...(ui === undefined ? ['--headless'] : [`--ui-port=${ui}`]),
      `--db-filename=${join(folder, 'temporal.db')}`,
      '--log-level=warn',
      '--disable-config-file',
      '--disable-config-env',
      // One partition: with a handful of workers, more of them only make tasks wait for one another.
      '--dynamic-config-value=matching.numTaskqueueReadPartitions=1',
      '--dynamic-config-value=matching.numTaskqueueWritePartitions=1',
      '--dynamic-config-value=frontend.namespaceRPS=20000',
      '--dynamic-config-value=frontend.namespaceRPS.visibility=1000',
    ],
    environment: {},
    isReady: () => serves(ports['http'] ?? 0),
    stopSeconds: 10,
    patienceMs: 60_000,
  };
}

/** The HTTP face of the frontend answers for the default namespace: frontend, history and the database work. */
async function serves(httpPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/api/v1/namespaces/default`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
