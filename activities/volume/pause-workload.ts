import type { PauseResult, PauseWorkloadInput, ResumeWorkloadInput } from '../../contracts/activities.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { PluginContext, QuiescePlugin } from '../../plugins/plugin.ts';
import type { Pulse } from '../heartbeat.ts';

interface PauseWork<Input> {
  readonly cluster: Cluster;
  readonly plugin: QuiescePlugin;
  readonly input: Input;
  readonly pulse: Pulse;
}

export async function pauseWorkload(work: PauseWork<PauseWorkloadInput>): Promise<PauseResult> {
  const { task } = work.input;
  const { state, warnings } = await work.plugin.quiesce(task, contextOf(work));
  return { state: { task, state, quiescedAt: new Date().toISOString() }, warnings };
}

export async function resumeWorkload(work: PauseWork<ResumeWorkloadInput>): Promise<PauseResult> {
  const { task, state } = work.input;
  const released = await work.plugin.release(task, state, contextOf(work));
  return { state: { task, state: released.state, quiescedAt: state?.quiescedAt ?? '' }, warnings: released.warnings };
}

function contextOf({ cluster, input, pulse }: PauseWork<PauseWorkloadInput>): PluginContext {
  return {
    cluster,
    run: input.runId,
    signal: pulse.signal,
    beat: () => {
      pulse.beat();
    },
    // A workload that stands still has nothing to say.
    keep: () => Promise.reject(new Error('scaling keeps no streams')),
  };
}
