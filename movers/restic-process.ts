import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Ended } from './restic-failure.ts';
import type { ResticOutput } from './restic-output.ts';

/**
 * A run of restic that outlives the worker: it writes its lines and its exit code to files of a folder, which also say which process it is. Whoever comes
 * after a dead worker reads them from the beginning and misses nothing.
 */
export interface ProcessPlace {
  /** A folder for this run alone. */
  readonly folder: string;
  /** Tells a process from every other that ever had its number; undefined when it is gone. */
  readonly identity: (pid: number) => string | undefined;
}

export interface ProcessStart {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly workingFolder: string;
  readonly environment: Readonly<Record<string, string>>;
}

interface ProcessRecord {
  readonly pid: number;
  readonly identity: string;
}

/**
 * The shell waits for a line before it starts anything, and gets none from a worker that died before it wrote down the shell's number: no restic runs
 * that nobody knows. It stays to write down the exit code, so it does not end by the signals that are meant for restic.
 */
const SCRIPT = 'trap : TERM INT HUP; read -r go || exit 0; "$@" </dev/null; echo "$?" >"$0"';

const RECORD = 'process.json';
const POLL_MS = 200;
const GRACE_MS = 5000;
const CHUNK_BYTES = 64 * 1024;

/** `none`: nothing was ever started here; `running` also when it has ended and nobody has seen its result; `lost`: it was killed with its shell. */
export function findProcess({ folder, identity }: ProcessPlace): 'none' | 'running' | 'lost' {
  const record = readRecord(folder);
  if (!record) return 'none';
  return identity(record.pid) === record.identity || exitCode(folder) !== undefined ? 'running' : 'lost';
}

/** Starts a run in its folder, which must not hold another one that is still running. */
export async function startProcess({ folder, identity }: ProcessPlace, start: ProcessStart): Promise<void> {
  const outputs = ['stdout', 'stderr'].map((name) => openSync(join(folder, name), 'w', 0o600));
  try {
    const child = spawn('/bin/sh', ['-c', SCRIPT, join(folder, 'exit'), start.program, ...start.arguments], {
      cwd: start.workingFolder,
      env: start.environment,
      stdio: ['pipe', ...outputs],
      // A session of its own: what ends the worker's terminal does not end it, and all of it can be signalled at once.
      detached: true,
    });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    child.unref();
    child.stdin?.on('error', () => undefined);
    const own = identity(pid);
    if (own !== undefined) writeFileSync(join(folder, RECORD), JSON.stringify({ pid, identity: own }), { mode: 0o600 });
    child.stdin?.end(own === undefined ? '' : 'go\n');
    if (own === undefined) throw new HoldfastError(FailureType.Unavailable, 'restic could not be started: its process cannot be found');
  } finally {
    outputs.forEach(closeSync);
  }
}

/** Reads the run's lines until it has ended. When `signal` fires, the run is ended and the call rejects with the signal's reason. */
export async function followProcess(place: ProcessPlace, output: ResticOutput, signal: AbortSignal): Promise<Ended> {
  const lines = ['stdout', 'stderr'].map((name) => new LineFile(join(place.folder, name), output));
  for (;;) {
    if (signal.aborted) {
      await endProcess(place);
      signal.throwIfAborted();
    }
    // Before the lines are read: what was written before the end is there then.
    const state = findProcess(place);
    const code = exitCode(place.folder);
    for (const file of lines) await file.read();
    if (code !== undefined || state !== 'running') return { code, output };
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Ends the run, first asking, and returns when none of it is left. */
export async function endProcess({ folder, identity }: ProcessPlace): Promise<void> {
  const record = readRecord(folder);
  if (!record) return;
  const isThere = () => identity(record.pid) === record.identity;
  const deadline = performance.now() + GRACE_MS;
  if (isThere()) signalGroup(record.pid, 'SIGTERM');
  while (isThere()) {
    await delay(POLL_MS / 4);
    if (performance.now() > deadline) signalGroup(record.pid, 'SIGKILL');
  }
}

/** Removes what a run left and what it was given, but for the record that there was one. */
export async function clearProcess(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (name !== RECORD) await rm(join(folder, name), { force: true });
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It has just ended.
  }
}

function exitCode(folder: string): number | undefined {
  const text = readOrEmpty(join(folder, 'exit'));
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}

function readRecord(folder: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, RECORD), 'utf8')) as ProcessRecord;
  } catch {
    return undefined;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A growing file, read line by line. */
class LineFile {
  readonly #path: string;
  readonly #output: ResticOutput;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string, output: ResticOutput) {
    this.#path = path;
    this.#output = output;
  }

  async read(): Promise<void> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (!file) return;
    try {
      await this.#readFrom(file);
    } finally {
      await file.close();
    }
  }

  async #readFrom(file: FileHandle): Promise<void> {
    for (;;) {
      const { bytesRead } = await file.read(this.#chunk, 0, CHUNK_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const bytes = Buffer.concat([this.#rest, this.#chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(0x0a);
      for (const line of end < 0 ? [] : bytes.toString('utf8', 0, end).split('\n')) this.#output.take(line);
      this.#rest = Buffer.from(bytes.subarray(end + 1));
    }
  }
}
