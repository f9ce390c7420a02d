import type { WorkflowHandle } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { QUERY_LOG, QUERY_PROGRESS, type RunLog } from '../../contracts/backup.ts';
import { SEARCH_ATTRIBUTES } from '../../contracts/search-attributes.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import type { RunProgress } from './follow-run.ts';
import { waitingFor } from './waiting-for.ts';

/** A run as Temporal knows it, for lists and descriptions of what the location does not hold (yet). */
export interface RunView {
  readonly name: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Temporal's word: RUNNING, COMPLETED, FAILED ... */
  readonly status: string;
  readonly startedAt: string;
  readonly cluster: string;
  readonly location: string;
}

/** The runs of a kind that Temporal remembers, newest first; only those that are going on unless `all`. */
export async function listRuns(orchestrator: Orchestrator, kind: 'backup' | 'restore', all: boolean): Promise<readonly RunView[]> {
  const going = all ? '' : " AND ExecutionStatus = 'Running'";
  const runs: RunView[] = [];
  for await (const run of orchestrator.client.workflow.list({ query: `${SEARCH_ATTRIBUTES.kind} = '${kind}'${going}` })) {
    const attribute = (name: string): string =>
      run.typedSearchAttributes.get(defineSearchAttributeKey(name, SearchAttributeType.KEYWORD)) ?? '';
    runs.push({
      name: attribute(SEARCH_ATTRIBUTES.name),
      workflowId: run.workflowId,
      runId: run.runId,
      status: run.status.name,
      startedAt: run.startTime.toISOString(),
      cluster: attribute(SEARCH_ATTRIBUTES.cluster),
      location: attribute(SEARCH_ATTRIBUTES.location),
    });
  }
  return runs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** How far a run is; undefined when no worker answers. */
export async function progressOf(handle: WorkflowHandle): Promise<RunProgress | undefined> {
  return handle.query<RunProgress>(QUERY_PROGRESS).catch(() => undefined);
}

/** A run's log from the run itself, with what it waits for now; undefined when no worker answers. */
export async function logOf(handle: WorkflowHandle): Promise<RunLog | undefined> {
  const log = await handle.query<RunLog>(QUERY_LOG).catch(() => undefined);
  if (!log) return undefined;
  const time = new Date().toISOString();
  return [...log, ...(await waitingFor(handle)).map((reason) => ({ time, level: 'warn', message: `waiting: ${reason}` }) as const)];
}
