import type { WorkflowHandle } from '@temporalio/client';
import type { Orchestrator } from '../../workers/embedded.ts';
import { ExitCode, exitCodeOfFailedRun } from '../exit-codes.ts';
import { note } from '../output/print.ts';
import { followRun, RunFailed, StoppedFollowing } from './follow-run.ts';
import { isDescribed, type RunKind } from './start-run.ts';

export interface Following {
  readonly orchestrator: Orchestrator;
  readonly handle: WorkflowHandle;
  readonly wait: boolean;
  readonly timeoutMs: number;
  readonly noun: RunKind;
  readonly name: string;
}

/**
 * Sees a run through, or leaves it to the workers of the user's own Temporal server. Where this process is the worker it always stays: there
 * is nobody else to do the work.
 */
export async function followOrLeave(following: Following, ended: (result: unknown) => ExitCode): Promise<ExitCode> {
  const { orchestrator, handle, wait, timeoutMs, noun, name } = following;
  if (!orchestrator.embedded && !wait) {
    if (isDescribed(noun)) note(`see how it goes with \`holdfast ${noun} describe ${name}\``);
    return ExitCode.Done;
  }
  try {
    const result = await followRun(handle, { timeoutMs });
    await orchestrator.openRuns.remove(handle.workflowId);
    return ended(result);
  } catch (error) {
    if (error instanceof RunFailed) {
      await orchestrator.openRuns.remove(handle.workflowId);
      note(`holdfast: ${noun} "${name}" failed: ${error.message}`);
      return exitCodeOfFailedRun(error.type);
    }
    if (!(error instanceof StoppedFollowing)) throw error;
    const how = orchestrator.embedded ? 'the next holdfast command, or `holdfast worker run`, goes on with it' : 'it goes on';
    note(`${error.why === 'interrupted' ? 'interrupted' : 'timed out waiting'}: ${noun} "${name}" is not finished; ${how}`);
    return error.why === 'interrupted' ? ExitCode.Interrupted : ExitCode.TimedOut;
  }
}
