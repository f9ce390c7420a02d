import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { withLock } from './folder-lock.ts';
import { readPorts, rememberedPorts } from './free-port.ts';
import { addProcessLease, clearLeases, removeDeadLeases } from './leases.ts';
import { awaitStopped, leasesFolder, runningServer } from './process-keeper.ts';
import { ensureServer } from './ready-server.ts';

/** What is the same for every server with one port and one folder. */
export interface LoopbackOptions {
  /** Holds the data, the port, the lease and the log: one folder, one server. */
  readonly folder: string;
  /** The server ends when this process does. Default: ours. */
  readonly pid?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface LoopbackProgram {
  readonly name: string;
  /** Path of the executable; asked for only when the server does not run yet. */
  readonly command: () => Promise<string>;
  readonly arguments: (port: number) => readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface LoopbackServer {
  readonly port: number;
  /** Ends the server and waits until it is gone; the folder stays. */
  stop(): Promise<void>;
}

const STOP_PATIENCE_MS = 15_000;

/** Starts a server on a port of 127.0.0.1 that stays the folder's own; one of the folder that runs already is joined. */
export async function startLoopback(program: LoopbackProgram, options: LoopbackOptions): Promise<LoopbackServer> {
  const { folder, signal } = options;
  const leases = leasesFolder(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, 'start.lock'), { signal }, async () => {
    await removeDeadLeases(leases);
    const release = await addProcessLease(leases, options.pid ?? process.pid);
    try {
      const port = await ensureRunning(program, options);
      const stop = async () => {
        await clearLeases(leases);
        await awaitStopped(folder, program.name, STOP_PATIENCE_MS);
      };
      return { port, stop };
    } catch (error) {
      await release();
      throw error;
    }
  });
}

async function ensureRunning(program: LoopbackProgram, { folder, signal }: LoopbackOptions): Promise<number> {
  const { name } = program;
  const running = await runningServer(folder, name);
  const command = running === undefined ? await program.command() : name;
  const ports: Readonly<Record<string, number>> = running === undefined ? await rememberedPorts(folder, [name]) : await readPorts(folder);
  const port = ports[name] ?? 0;
  const spec = {
    folder,
    name,
    command,
    arguments: program.arguments(port),
    environment: program.environment,
    isReady: () => accepts(port),
    stopSeconds: 10,
    patienceMs: 30_000,
  };
  await ensureServer(spec, signal);
  return port;
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
