import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { clusterOfTaskQueue } from '../../contracts/workflow-ids.ts';
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

/** True when there is a Temporal server that may know of runs that have ended. */
export function remembersRuns(): boolean {
  return isClientOnly() || existsSync(join(stateFolder(), 'temporal'));
}

/**
 * Does something with a run that Temporal remembers, whether it goes on or has ended; undefined when it knows of none. The run's cluster is
 * served meanwhile, so that it can be asked about itself.
 */
export async function withRun<T>(
  configuration: Configuration,
  workflowId: string,
  work: (run: RememberedRun) => Promise<T>,
): Promise<T | undefined> {
  if (!remembersRuns()) return undefined;
  const look = (orchestrator: Orchestrator): Promise<WorkflowExecutionDescription | undefined> =>
    orchestrator.client.workflow
      .getHandle(workflowId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
  const found = await withOrchestrator(configuration, undefined, look);
  if (!found) return undefined;
  const served = (await unfinishedRuns()).includes(workflowId);
  const name = clusterOfTaskQueue(found.taskQueue);
  return withOrchestrator(configuration, served ? undefined : { name, access: { kubeconfig: '', context: name } }, (orchestrator) =>
    work({ orchestrator, handle: orchestrator.client.workflow.getHandle(workflowId, found.runId), description: found }),
  );
}

export interface RememberedRun {
  readonly orchestrator: Orchestrator;
  readonly handle: WorkflowHandle;
  readonly description: WorkflowExecutionDescription;
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
