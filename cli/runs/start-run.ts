import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { attributesOfNewRun } from '../../contracts/search-attributes.ts';
import { clusterTaskQueue } from '../../contracts/workflow-ids.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import type { NamedCluster } from '../session.ts';

/** What kinds of runs are called, in commands and in Temporal's search attributes. */
export type RunKind = 'backup' | 'restore' | 'copy' | 'schedule' | 'git' | 'helm';

export interface RunRequest {
  readonly workflow: 'backupProject' | 'backupEtcd' | 'restoreProject' | 'copyRepository' | 'syncGit' | 'importCommit' | 'restoreReleases';
  readonly workflowId: string;
  readonly kind: RunKind;
  readonly name: string;
  readonly location: string;
  readonly cluster: NamedCluster;
  /** The workflow's one argument. */
  readonly input: unknown;
}

export interface StartedRun {
  readonly handle: WorkflowHandle;
  readonly runId: string;
  /** False when it was going on already. */
  readonly isNew: boolean;
}

/** Starts a run. One of the same name that is still going is `AlreadyExists`; on the embedded server the run is noted, so that it is never lost. */
export async function startRun(orchestrator: Orchestrator, request: RunRequest): Promise<StartedRun> {
  const { workflowId, cluster } = request;
  if (orchestrator.embedded) await orchestrator.openRuns.note({ id: workflowId, cluster: cluster.name, access: cluster.access });
  try {
    const handle = await orchestrator.client.workflow.start(request.workflow, {
      workflowId,
      taskQueue: clusterTaskQueue(cluster.name),
      args: [request.input],
      staticSummary: `${request.kind} ${request.name}`,
      typedSearchAttributes: searchAttributes(request),
    });
    return { handle, runId: handle.firstExecutionRunId, isNew: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new HoldfastError(FailureType.AlreadyExists, `${request.kind} "${request.name}" is running already`, {
      advice: isDescribed(request.kind)
        ? `follow it with \`holdfast ${request.kind} describe ${request.name} --wait\``
        : 'wait until it has ended',
      cause: error,
    });
  }
}

/** The same; a run of that name that is still going is joined: it is what an earlier process has left. */
export async function startOrJoinRun(orchestrator: Orchestrator, request: RunRequest): Promise<StartedRun> {
  try {
    return await startRun(orchestrator, request);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type !== FailureType.AlreadyExists) throw error;
    const handle = orchestrator.client.workflow.getHandle(request.workflowId);
    return { handle, runId: (await handle.describe()).runId, isNew: false };
  }
}

/** Whether a command `describe` shows runs of that kind. */
export function isDescribed(kind: RunKind): boolean {
  return kind === 'backup' || kind === 'restore' || kind === 'schedule';
}

/** Temporal's web page of a run; '' when no UI is known. */
export function uiLink(orchestrator: Pick<Orchestrator, 'uiUrl' | 'namespace'>, workflowId: string, runId: string): string {
  if (orchestrator.uiUrl === '') return '';
  return `${orchestrator.uiUrl}/namespaces/${orchestrator.namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`;
}

function searchAttributes({ kind, name, location, cluster }: RunRequest): TypedSearchAttributes {
  const attributes = attributesOfNewRun({ kind, name, location, cluster: cluster.name });
  return new TypedSearchAttributes(
    attributes.map(([attribute, value]) => ({ key: defineSearchAttributeKey(attribute, SearchAttributeType.KEYWORD), value })),
  );
}
