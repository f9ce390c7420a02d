import { setTimeout as delay } from 'node:timers/promises';
import type { RunScheduleResult } from '../../contracts/schedule.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import { exitCodeOfPhase, type ExitCode } from '../exit-codes.ts';
import { note } from '../output/print.ts';
import { scheduleRunText } from '../output/schedule-text.ts';
import { followOrLeave } from '../runs/follow-or-leave.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { uiLink } from '../runs/start-run.ts';
import { withSession } from '../session.ts';
import { findSchedule, onSchedule, type KnownSchedule } from './temporal-schedules.ts';

const PATIENCE_MS = 20_000;
const POLL_MS = 200;

/** Lets a schedule run now and sees the run through, or leaves it to the workers elsewhere. */
export async function followTriggered(name: string, options: { readonly wait: boolean; readonly timeout: number }): Promise<ExitCode> {
  return withSession(async (session) => {
    const { input, noted } = await withOrchestrator(session.configuration, undefined, async (orchestrator) => ({
      ...(await findSchedule(orchestrator, name)),
      noted: (await orchestrator.scheduledWork.list()).find(({ id }) => id === name),
    }));
    const cluster = { name: input.cluster, access: noted?.access ?? { kubeconfig: '', context: input.cluster } };
    return withOrchestrator(session.configuration, cluster, async (orchestrator) => {
      const before = await findSchedule(orchestrator, name);
      // Said each time: a trigger without a policy would run beside the one that is going on. What somebody asks for waits rather than being skipped.
      await onSchedule(orchestrator, name, (handle) => handle.trigger(before.overlap === 'SKIP' ? 'BUFFER_ONE' : before.overlap));
      const run = await newRun(orchestrator, before);
      if (orchestrator.embedded) await orchestrator.openRuns.note({ id: run.workflowId, cluster: cluster.name, access: cluster.access });
      const link = uiLink(orchestrator, run.workflowId, run.runId);
      note(`schedule "${name}" triggered${link === '' ? '' : `: ${link}`}`);
      const handle = orchestrator.client.workflow.getHandle(run.workflowId, run.runId);
      return followOrLeave({ orchestrator, handle, wait: options.wait, timeoutMs: options.timeout, noun: 'schedule', name }, (ended) => {
        const result = ended as RunScheduleResult;
        process.stdout.write(`${scheduleRunText(result)}\n`);
        return exitCodeOfPhase(result.phase);
      });
    });
  });
}

/** The server starts a triggered run a moment later; one that is going on comes first. */
async function newRun(orchestrator: Orchestrator, before: KnownSchedule): Promise<KnownSchedule['recentRuns'][number]> {
  const known = new Set(before.recentRuns.map(({ workflowId }) => workflowId));
  const giveUp = performance.now() + PATIENCE_MS;
  while (performance.now() < giveUp) {
    const found = (await findSchedule(orchestrator, before.name)).recentRuns.find(({ workflowId }) => !known.has(workflowId));
    if (found) return found;
    await delay(POLL_MS);
  }
  const advice = before.running.length > 0 ? 'it comes after the run that is going on' : 'see `holdfast schedule describe`';
  throw new HoldfastError(FailureType.Unavailable, `schedule "${before.name}" was triggered, and its run has not started yet`, { advice });
}
