import { spawn, type SpawnOptions } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** A child that has not ended this long after a signal is killed. */
const PATIENCE_MS = 10_000;

/** Runs a command to its end, passing our signals on to it. Resolves with its exit code, 128 + n when signal n ended it. */
export async function runToEnd(command: string, commandArguments: readonly string[], options: SpawnOptions = {}): Promise<number> {
  const child = spawn(command, [...commandArguments], { stdio: 'inherit', ...options });
  let losePatience: NodeJS.Timeout | undefined;
  const forward = (signal: NodeJS.Signals) => {
    child.kill(signal);
    losePatience ??= setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      });
    });
  } finally {
    clearTimeout(losePatience);
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
