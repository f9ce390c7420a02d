import { spawn } from 'node:child_process';
import { open, mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, signalProcess } from './process-identity.ts';
import type { ProcessRef } from './process-identity.ts';

/** A server and the `sh` process that keeps it, as keeper.sh writes them down while the server runs. */
export interface ServerRecord {
  readonly server: ProcessRef;
  readonly keeper: ProcessRef;
  /** ISO-8601. */
  readonly startedAt: string;
}

export interface ServerCommand {
  /** The folder that holds the leases, the pidfile and the log of this server; several servers may share it. */
  readonly folder: string;
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  /** Added to PATH and HOME, which are all that a server gets: settings and credentials of the user's shell do not reach it. */
  readonly environment: Readonly<Record<string, string>>;
  /** How long it may take to stop by itself before it is killed. */
  readonly stopSeconds: number;
}

const KEEPER = fileURLToPath(new URL('keeper.sh', import.meta.url));
const POLL_MS = 50;

export function leasesFolder(folder: string): string {
  return join(folder, 'leases');
}

export function logFile(folder: string, name: string): string {
  return join(folder, 'logs', `${name}.log`);
}

function pidFile(folder: string, name: string): string {
  return join(folder, 'run', `${name}.json`);
}

/**
 * Starts a server, detached from us, under a keeper that ends it when no lease in the folder is valid any more. Add a lease first. Returns
 * when the keeper has written the record; the server need not be ready.
 */
export async function startKept(command: ServerCommand): Promise<void> {
  const { folder, name, stopSeconds } = command;
  const record = pidFile(folder, name);
  const log = logFile(folder, name);
  for (const file of [record, log]) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await rename(log, `${log}.previous`).catch(() => undefined);
  const output = await open(log, 'a', 0o600);
  try {
    const keeper = spawn('sh', [KEEPER, leasesFolder(folder), record, `${stopSeconds}`, command.command, ...command.arguments], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { PATH: process.env['PATH'], HOME: folder, ...command.environment },
    });
    await new Promise((resolve, reject) => keeper.once('spawn', resolve).once('error', reject));
    keeper.unref();
    while (keeper.exitCode === null && (await readRecord(record))?.keeper.pid !== keeper.pid) await sleep(POLL_MS);
  } finally {
    await output.close();
  }
}

/** The server, if its process runs and is not being stopped. */
export async function runningServer(folder: string, name: string): Promise<ServerRecord | undefined> {
  const record = await readRecord(pidFile(folder, name));
  return record !== undefined && isAlive(record.server) && isAlive(record.keeper) ? record : undefined;
}

/**
 * Waits until neither server nor keeper is left, as happens soon after the last lease's end. What is still there when `patienceMs` is over,
 * or has lost its keeper, is killed.
 */
export async function awaitStopped(folder: string, name: string, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const left = await processesLeft(folder, name);
    if (left === undefined) return;
    if (!isAlive(left.keeper) || performance.now() > deadline) {
      signalProcess(left.keeper, 'SIGKILL');
      signalProcess(left.server, 'SIGKILL');
    }
    await sleep(POLL_MS);
  }
}

async function processesLeft(folder: string, name: string): Promise<ServerRecord | undefined> {
  const file = pidFile(folder, name);
  const records = [await readRecord(file), await readRecord(`${file}.stopping`)];
  return records.find((record) => record !== undefined && (isAlive(record.server) || isAlive(record.keeper)));
}

async function readRecord(file: string): Promise<ServerRecord | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is ServerRecord {
  return (
    typeof value === 'object' && value !== null && 'server' in value && 'keeper' in value && isRef(value.server) && isRef(value.keeper)
  );
}

function isRef(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    Number.isInteger(value.pid) &&
    'identity' in value &&
    typeof value.identity === 'string'
  );
}
