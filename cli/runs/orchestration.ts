import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateFolder } from '../../sandbox/state-folder.ts';
import type { Progress } from '../../sandbox/tool-progress.ts';
import type { Configuration } from '../../workers/configuration.ts';
import { isClientOnly, unfinishedRuns, type Orchestrator } from '../../workers/embedded.ts';
import { note } from '../output/print.ts';
import { duration } from '../output/quantities.ts';
import { StatusLine } from '../output/status-line.ts';
import type { NamedCluster } from '../session.ts';

/** Opens the door to Temporal for one piece of work, telling on stderr what takes long, and closes it whatever happens. */
export async function withOrchestrator<T>(
  configuration: Configuration,
  cluster: NamedCluster | undefined,
  work: (orchestrator: Orchestrator) => Promise<T>,
): Promise<T> {
  const { openOrchestrator } = await import('../../workers/embedded.ts');
  const status = new StatusLine();
  const orchestrator = await openOrchestrator({ configuration, ...(cluster ? { cluster } : {}), onProgress: toolProgress(status) });
  status.clear();
  try {
    return await work(orchestrator);
  } finally {
    await orchestrator.close();
  }
}

/** News about tools and servers, on one line. */
export function toolProgress(status: StatusLine): Progress {
  return ({ tool, message, remainingMs }) => {
    status.show(tool, remainingMs === undefined ? message : `${message} (about ${duration(remainingMs)} left)`);
  };
}

/** True when runs can be asked about without starting anything: a server is configured, or an earlier process left a run on the local one. */
export async function hasRuns(): Promise<boolean> {
  return isClientOnly() || (await unfinishedRuns()).length > 0;
}

/**
 * Lets a process in the background finish the runs that an interrupted one left on the local server; it ends by itself when they have ended.
 * Two of them do no harm: Temporal gives each task to one.
 */
export async function pickUpOpenRuns(): Promise<void> {
  if (isClientOnly()) return;
  const runs = await unfinishedRuns();
  if (runs.length === 0) return;
  note(`picking up in the background: ${runs.join(', ')}`);
  const state = stateFolder();
  mkdirSync(join(state, 'logs'), { recursive: true });
  const log = openSync(join(state, 'logs', 'background-worker.log'), 'a', 0o600);
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  spawn(process.execPath, [...process.execArgv, main, 'worker', 'run', '--until-idle'], {
    detached: true,
    stdio: ['ignore', log, log],
  }).unref();
  closeSync(log);
}
