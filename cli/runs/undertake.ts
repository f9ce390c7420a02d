import type { RunPhase } from '../../contracts/outcome.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import { exitCodeOfPhase, type ExitCode } from '../exit-codes.ts';
import { note, printAnswer, type OutputFormat } from '../output/print.ts';
import { followOrLeave } from './follow-or-leave.ts';
import { startOrJoinRun, startRun, uiLink, type RunRequest } from './start-run.ts';

/** A run that a command starts, and how its result is shown. */
export interface Undertaking<Result> {
  readonly request: RunRequest;
  /** What is started, for people: `backup "nightly"`. */
  readonly title: string;
  /** One that is going on already is followed; otherwise it is `AlreadyExists`. */
  readonly joins?: boolean;
  readonly wait: boolean;
  /** 0 waits as long as it takes. */
  readonly timeoutMs: number;
  readonly output: OutputFormat;
  /** What `-o name` prints. */
  readonly resultNames: (result: Result) => readonly string[];
  readonly text: (result: Result) => string;
}

/** Starts a run, says where it can be watched, and sees it through or leaves it to the workers elsewhere. */
export async function undertake<Result extends { readonly phase: RunPhase }>(
  orchestrator: Orchestrator,
  { request, title, joins = false, wait, timeoutMs, output, resultNames, text }: Undertaking<Result>,
): Promise<ExitCode> {
  const { handle, runId, isNew } = await (joins ? startOrJoinRun : startRun)(orchestrator, request);
  const link = uiLink(orchestrator, request.workflowId, runId);
  note(`${title} ${isNew ? 'started' : 'is going on, and is followed from here'}${link === '' ? '' : `: ${link}`}`);
  const { kind: noun, name } = request;
  return followOrLeave({ orchestrator, handle, wait, timeoutMs, noun, name }, (ended) => {
    const result = ended as Result;
    printAnswer(output, { data: result, names: resultNames(result), table: () => text(result) });
    return exitCodeOfPhase(result.phase);
  });
}
