import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** The end of the error output that is looked at. */
const TAIL_BYTES = 64 * 1024;

/** A stopped git's output closes at once, where nobody else holds it open. */
const LAST_WORDS_MS = 2_000;

/** How every call of git is made: settings before the command, and the whole environment. */
export interface GitProgram {
  /** Working folder. */
  readonly folder: string;
  readonly settings: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface GitEnded {
  readonly code: number;
  readonly stdout: Buffer;
  /** UTF-8, its end. */
  readonly stderr: string;
}

/** A call under way, for what is streamed through it. */
export interface RunningGit {
  readonly child: ChildProcessWithoutNullStreams;
  /** Rejects when it was stopped, or there is no git. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;
  /** Ends it, and what it has started. */
  readonly stop: () => void;
}

/** Starts git with these arguments: no shell takes part. It ends with the signal. */
export function startGit({ folder, settings, environment, signal }: GitProgram, words: readonly string[]): RunningGit {
  // A process group of its own, so that its helpers (ssh, remote-https) end with it.
  const child = spawn('git', [...settings, ...words], { cwd: folder, env: environment, detached: true });
  let closed = false;
  // What it has started may outlive it, and hold its output open: it has ended when that is closed.
  child.once('close', () => (closed = true));
  const stop = (): void => {
    if (child.pid === undefined || closed) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended in this moment.
    }
    // Whoever has left its process group may hold on to the pipes: that is waited for no longer.
    setTimeout(() => {
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
    }, LAST_WORDS_MS).unref();
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  const tail: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => {
    tail.push(chunk);
    while (tail.length > 1 && tail.reduce((sum, { length }) => sum + length, 0) > TAIL_BYTES) tail.shift();
  });
  // It may end before it has read everything; its exit code and words say why.
  child.stdin.on('error', () => undefined);
  const ended = settled(child).finally(() => {
    signal.removeEventListener('abort', stop);
  });
  const withWords = ended.then((code) => {
    signal.throwIfAborted();
    return { code, stderr: Buffer.concat(tail).toString('utf8') };
  });
  withWords.catch(() => undefined);
  return { child, ended: withWords, stop };
}

/** Runs git to its end, whatever its exit code. `moved` is called whenever it says something. */
export async function runGit(
  program: GitProgram,
  words: readonly string[],
  { input = '', moved }: { readonly input?: string; readonly moved?: () => void } = {},
): Promise<GitEnded> {
  const { child, ended } = startGit(program, words);
  const output: Buffer[] = [];
  if (moved) for (const stream of [child.stdout, child.stderr]) stream.on('data', moved);
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stdin.end(input);
  return { ...(await ended), stdout: Buffer.concat(output) };
}

async function settled(child: ChildProcessWithoutNullStreams): Promise<number> {
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? -1;
  } catch (error) {
    throw new HoldfastError(FailureType.NotFound, `git cannot be run: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, {
      advice: 'install git (2.31 or newer) on the machine of the worker',
      cause: error,
    });
  }
}
