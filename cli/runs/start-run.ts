import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
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

/** Starts a run. One of the same name that is still going is `AlreadyExists`; on the embedded server the run is noted, so that it is never lost. */
export async function startRun(orchestrator: Orchestrator, request: RunRequest): Promise<WorkflowHandleWithFirstExecutionRunId> {
  const { workflowId, cluster } = request;
  if (orchestrator.embedded) await orchestrator.openRuns.note({ id: workflowId, cluster: cluster.name, access: cluster.access });
  try {
    return await orchestrator.client.workflow.start(request.workflow, {
      workflowId,
      taskQueue: clusterTaskQueue(cluster.name),
      args: [request.input],
      staticSummary: `${request.kind} ${request.name}`,
      typedSearchAttributes: searchAttributes(request),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new HoldfastError(FailureType.AlreadyExists, `${request.kind} "${request.name}" is running already`, {
      advice: ['copy', 'git', 'helm'].includes(request.kind)
        ? 'wait until it has ended'
        : `follow it with \`holdfast ${request.kind} describe ${request.name} --wait\``,
      cause: error,
    });
  }
}

/** The same; a run of that name that is still going is joined: it is what an earlier process has left. */
export async function startOrJoinRun(orchestrator: Orchestrator, request: RunRequest): Promise<WorkflowHandle> {
  try {
    return await startRun(orchestrator, request);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type !== FailureType.AlreadyExists) throw error;
    return orchestrator.client.workflow.getHandle(request.workflowId);
  }
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
