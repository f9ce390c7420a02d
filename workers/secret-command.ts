import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

type SecretProcess = ChildProcessByStdio<null, Readable, null>;

/**
 * Runs a program that prints a secret, in a process group of its own, with nothing on its standard input and its standard error thrown
 * away: nobody knows what it writes there. `BadInput` when it fails, `Unavailable` when it does not end within a minute; messages name the
 * program and never what it printed or was given.
 */
export async function runSecretCommand(command: readonly string[], what: string, timeoutMs = TIMEOUT_MS): Promise<string> {
  const [program = '', ...args] = command;
  const failure = (type: FailureType, problem: string): HoldfastError =>
    new HoldfastError(type, `${what}: the command ${program} ${problem}`, { advice: 'run it by hand to see why' });
  const child = start(program, args);
  if (!child) throw failure(FailureType.BadInput, 'cannot be started');
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (error: Error): void => {
        kill(child);
        reject(error);
      };
      timer = setTimeout(() => {
        stop(failure(FailureType.Unavailable, `has not ended after ${timeoutMs / 1_000} s`));
      }, timeoutMs);
      const output: Buffer[] = [];
      let size = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= MAX_OUTPUT_BYTES) output.push(chunk);
        else stop(failure(FailureType.BadInput, 'prints more than a secret'));
      });
      child.on('error', (error: NodeJS.ErrnoException) => {
        reject(failure(FailureType.BadInput, `cannot be started (${error.code ?? 'unknown reason'})`));
      });
      child.on('close', (code, signal) => {
        if (code !== 0) reject(failure(FailureType.BadInput, signal ? `was ended by ${signal}` : `ended with exit code ${code ?? '?'}`));
        else if (size === 0) reject(failure(FailureType.BadInput, 'printed nothing'));
        else resolve(Buffer.concat(output).toString('utf8'));
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

function start(program: string, args: readonly string[]): SecretProcess | undefined {
  try {
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  } catch {
    // Node's message quotes the argument that it does not like.
    return undefined;
  }
}

/** Also what it has started. */
function kill(child: SecretProcess): void {
  child.stdout.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
