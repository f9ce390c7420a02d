import { setTimeout as delay } from 'node:timers/promises';
import type { HoldInput, QuiesceInput, QuiesceResult, QuiesceState, ReleaseInput } from '../../contracts/quiesce.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from '../../plugins/plugin.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { StreamKeeper } from './stream-keeper.ts';

export interface QuiesceWork<Input extends QuiesceInput> {
  readonly plugin: QuiescePlugin;
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly input: Input;
  readonly pulse: Pulse;
}

/** A lease is renewed this many times before it would end. */
const RENEWALS = 4;

/** Brings an application into a consistent state. */
export async function quiesceApplication(work: QuiesceWork<QuiesceInput>): Promise<QuiesceResult> {
  const { plugin, input } = work;
  const keeper = keeperOf(work);
  const outcome = await plugin.quiesce(input.task, contextOf(work, keeper));
  return resultOf({ task: input.task, state: outcome.state, quiescedAt: new Date().toISOString() }, outcome, keeper);
}

/** Renews the lease until the signal fires, and rejects with its reason then. */
export async function holdApplication(work: QuiesceWork<HoldInput>): Promise<void> {
  const { plugin, input, pulse } = work;
  const context = contextOf(work, keeperOf(work));
  for (;;) {
    await plugin.renew(input.task, input.state, context);
    pulse.beat();
    await delay((input.task.leaseSeconds * 1_000) / RENEWALS, undefined, { signal: pulse.signal });
  }
}

/** Lets an application go. */
export async function releaseApplication(work: QuiesceWork<ReleaseInput>): Promise<QuiesceResult> {
  const { plugin, input } = work;
  const keeper = keeperOf(work);
  const outcome = await plugin.release(input.task, input.state, contextOf(work, keeper));
  return resultOf({ task: input.task, state: outcome.state, quiescedAt: input.state?.quiescedAt ?? '' }, outcome, keeper);
}

function keeperOf({ repository, input, pulse }: QuiesceWork<QuiesceInput>): StreamKeeper {
  return new StreamKeeper(repository, input.task.namespace, pulse.signal);
}

function contextOf({ cluster, input, pulse }: QuiesceWork<QuiesceInput>, { keep }: StreamKeeper): PluginContext {
  return {
    cluster,
    run: input.runId,
    signal: pulse.signal,
    beat: () => {
      pulse.beat();
    },
    keep,
  };
}

async function resultOf(state: QuiesceState, outcome: QuiesceOutcome, keeper: StreamKeeper): Promise<QuiesceResult> {
  const { warnings, broken = false, putBack = [] } = outcome;
  return { ...(await keeper.finish()), state, warnings, isBroken: broken, putBack };
}
