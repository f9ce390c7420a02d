import type { BackupProjectInput, BackupProjectResult } from '../contracts/backup.ts';
import type { RestoreProjectInput, RestoreProjectResult } from '../contracts/restore.ts';
import { SELECT_ALL } from '../contracts/selection.ts';
import { backupWorkflowId, clusterTaskQueue, restoreWorkflowId } from '../contracts/workflow-ids.ts';
import type { BenchPlace } from './bench-place.ts';

/** One run as whoever started it sees it. */
export interface Timed<T> {
  readonly result: T;
  /** From the request to the result. */
  readonly seconds: number;
  /** Events in the workflow's history. */
  readonly events: number;
}

/** Backs up the namespaces that the glob stands for. */
export function runBackup(
  place: BenchPlace,
  location: string,
  request: { name: string; namespaces: string },
): Promise<Timed<BackupProjectResult>> {
  const input: BackupProjectInput = {
    name: request.name,
    cluster: place.cluster,
    location,
    selection: { ...SELECT_ALL, includedNamespaces: [request.namespaces] },
  };
  return timed(place, { workflow: 'backupProject', workflowId: backupWorkflowId(location, request.name), input });
}

/** Restores a whole backup. */
export function runRestore(
  place: BenchPlace,
  location: string,
  request: { name: string; backup: string },
): Promise<Timed<RestoreProjectResult>> {
  const input: RestoreProjectInput = {
    ...request,
    cluster: place.cluster,
    location,
    options: {
      selection: SELECT_ALL,
      namespaceMapping: {},
      conflictPolicy: 'skip',
      includeControlled: false,
      preserveNodePorts: false,
      allow: [],
      readinessTimeoutMs: 120_000,
    },
  };
  return timed(place, { workflow: 'restoreProject', workflowId: restoreWorkflowId(place.cluster, request.name), input });
}

interface Start {
  readonly workflow: string;
  readonly workflowId: string;
  readonly input: object;
}

async function timed<T extends BackupProjectResult | RestoreProjectResult>(place: BenchPlace, start: Start): Promise<Timed<T>> {
  const { temporal, cluster } = place;
  const { workflow, workflowId, input } = start;
  const startedMs = performance.now();
  const handle = await temporal.workflow.start(workflow, { workflowId, taskQueue: clusterTaskQueue(cluster), args: [input] });
  const result = (await handle.result()) as T;
  const seconds = (performance.now() - startedMs) / 1_000;
  if (result.phase !== 'Completed') throw new Error(`${workflowId} ended as ${result.phase}: ${JSON.stringify(result.errors.slice(0, 5))}`);
  const { historyLength } = await handle.describe();
  const steps = result.steps.map(({ step, durationMs }) => `${step} ${(durationMs / 1_000).toFixed(1)} s`);
  console.error(`bench: ${workflowId}: ${seconds.toFixed(1)} s: ${steps.join(', ')}`);
  return { result, seconds, events: historyLength };
}
