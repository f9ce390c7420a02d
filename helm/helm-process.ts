import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/**
 * Runs a program that must not outlive us, nor leave behind what it was given in the folder $1; both hold when we are killed, too. The first line on the
 * pipe lets it begin, the second asks it to end. When the pipe closes the folder goes, and all that is left of this process group.
 */
const WATCHED = `folder=$1
shift
read -r line || { rm -rf -- "$folder"; exit 1; }
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{
  read -r line <&3 && { kill -TERM "$program"; read -r line <&3; }
  kill -KILL "$program"
  rm -rf -- "$folder"
  kill -KILL 0
} >/dev/null 2>&1 &
wait "$program"`;

/** Helm marks a release as failed when it is asked to end; this is long enough for that. */
const GRACE_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** What a shell answers when it cannot start a program. */
const NOT_STARTED: readonly (number | null)[] = [126, 127];

export interface WatchedProgram {
  readonly program: string;
  /** By name: what the program reads, in a folder that nobody else can read. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly arguments: (folder: string) => readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ProgramEnd {
  /** 128 and more: it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Returns when the program has ended. When `signal` fires it is asked to end, ended soon after, and then the call rejects with the signal's reason. */
export async function runWatched(watched: WatchedProgram, signal: AbortSignal): Promise<ProgramEnd> {
  const { program, files, environment } = watched;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-helm-'));
  try {
    signal.throwIfAborted();
    const words = ['-c', WATCHED, 'sh', folder, program, ...watched.arguments(folder)];
    const child = spawn('/bin/sh', words, { env: environment, detached: true });
    child.stdin.on('error', () => undefined);
    const end = seenThrough(child, signal);
    try {
      for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, { mode: 0o600 });
      child.stdin.write('begin\n');
      return started(await end, program);
    } finally {
      child.stdin.destroy();
      await end.catch(() => undefined);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function seenThrough(child: ChildProcessWithoutNullStreams, signal: AbortSignal): Promise<ProgramEnd> {
  const over = new AbortController();
  const askToEnd = (): void => {
    child.stdin.write('end\n');
    void delay(GRACE_MS, undefined, { signal: over.signal }).then(
      () => child.stdin.destroy(),
      () => undefined,
    );
  };
  signal.addEventListener('abort', askToEnd, { once: true });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] = (said[name] + text).slice(-MAX_OUTPUT_BYTES);
    });
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    return { code, ...said };
  } finally {
    signal.removeEventListener('abort', askToEnd);
    over.abort();
  }
}

function started(end: ProgramEnd, program: string): ProgramEnd {
  if (!NOT_STARTED.includes(end.code)) return end;
  throw new HoldfastError(FailureType.NotFound, `${program} cannot be started`, { advice: 'set HOLDFAST_BIN to a folder that has helm' });
}
