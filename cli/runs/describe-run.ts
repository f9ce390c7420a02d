import { ExitCode, exitCodeOfFailedRun } from '../exit-codes.ts';
import { note } from '../output/print.ts';
import { detailOf, failureOf, RunFailed } from './follow-run.ts';
import { followOrLeave } from './follow-or-leave.ts';
import type { RememberedRun } from './orchestration.ts';
import { progressOf } from './run-views.ts';
import { uiLink } from './start-run.ts';
import { waitingFor } from './waiting-for.ts';

export interface Described {
  readonly noun: 'backup' | 'restore';
  readonly name: string;
  /** Follow a run that goes on until it has ended. */
  readonly wait: boolean;
  readonly ended: (result: unknown) => ExitCode;
}

/** Tells about a run that is under way, or that ended without leaving anything in the location. */
export async function describeRun({ orchestrator, handle, description }: RememberedRun, described: Described): Promise<ExitCode> {
  const { noun, name, wait, ended } = described;
  const going = description.status.name === 'RUNNING';
  if (going && wait) return followOrLeave({ orchestrator, handle, wait: true, timeoutMs: 0, noun, name }, ended);
  const link = uiLink(orchestrator, handle.workflowId, description.runId);
  if (link !== '') note(link);
  const progress = await progressOf(handle);
  const state = going ? 'Running' : description.status.name;
  process.stdout.write(`${noun} "${name}" ${state}${progress ? `, ${progress.step}: ${detailOf(progress)}` : ''}\n`);
  if (going) {
    for (const reason of await waitingFor(handle)) process.stdout.write(`waiting: ${reason}\n`);
    return ExitCode.Done;
  }
  const failure = await handle.result().then(() => undefined, failureOf);
  if (!(failure instanceof RunFailed)) return ExitCode.Failed;
  process.stdout.write(`${failure.message}\n`);
  return exitCodeOfFailedRun(failure.type);
}
