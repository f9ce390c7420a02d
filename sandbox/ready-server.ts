import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { awaitStopped, logFile, runningServer, startKept } from './process-keeper.ts';
import type { ServerCommand } from './process-keeper.ts';

export interface ServerSpec extends ServerCommand {
  /** Whether the server does its work; called again and again, each call must end within a second or two. */
  readonly isReady: () => Promise<boolean>;
  /** How long it may take from start to ready. */
  readonly patienceMs: number;
}

const POLL_MS = 100;
const LAST_LINES = 5;

/**
 * Makes sure that the server runs and is ready: joins a running one, starts it otherwise. The caller holds the lock of the folder and a
 * lease in it. A server that ends before it is ready, or is not ready in time, is an `Unavailable` with the end of its log.
 */
export async function ensureServer(spec: ServerSpec, signal: AbortSignal | undefined): Promise<void> {
  if ((await runningServer(spec.folder, spec.name)) === undefined) {
    // An earlier incarnation may still be on its way out, and holds the port and the data.
    await awaitStopped(spec.folder, spec.name, 12_000);
    await startKept(spec);
  }
  const deadline = performance.now() + spec.patienceMs;
  while (!(await spec.isReady())) {
    signal?.throwIfAborted();
    if ((await runningServer(spec.folder, spec.name)) === undefined) throw await failure(spec, 'ended before it was ready');
    if (performance.now() > deadline) throw await failure(spec, `was not ready within ${Math.round(spec.patienceMs / 1000)} s`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function failure(spec: ServerSpec, what: string): Promise<HoldfastError> {
  const file = logFile(spec.folder, spec.name);
  const lines = (await readFile(file, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-LAST_LINES);
  const said = lines.map((line) => line.slice(0, 300)).join(' | ');
  return new HoldfastError(FailureType.Unavailable, `${spec.name} ${what}; its log ends with: ${said === '' ? '(nothing)' : said}`, {
    advice: `see ${file}`,
  });
}
