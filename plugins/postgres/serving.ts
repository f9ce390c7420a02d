import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext } from '../plugin.ts';
import { describeTask, taskFailure } from '../task.ts';
import { PsqlSession } from './psql-session.ts';

/** Every server has it, and nobody's data is in it. */
export const NEUTRAL = 'template1';

/** What a server says of itself. */
export interface Serving {
  /** When it was started. */
  readonly start: string;
  readonly isReplica: boolean;
}

type Surroundings = Pick<PluginContext, 'cluster' | 'signal' | 'beat'>;

/** How long a server may take to accept connections after its container has begun to run. */
const START_MS = 5 * 60_000;
const POLL_MS = 1_000;

/**
 * Images make their databases with a server that listens nowhere but at its socket, and start another one then. One that has been like that for
 * a minute was meant to be like that.
 */
const FACTS = `SELECT json_build_object('start', pg_postmaster_start_time()::text, 'replica', pg_is_in_recovery(),
  'passing', setting = '' AND source = 'command line' AND now() - pg_postmaster_start_time() < interval '1 minute')
  FROM pg_settings WHERE name = 'listen_addresses'`.replace(/\s+/g, ' ');

/**
 * Does work when the server accepts connections, for as long as it is the same server. Rejects with `Conflict` when it does not accept any in
 * time, and with `Unavailable` when it was started anew meanwhile: then the work has to be done again.
 */
export async function whileServing<Value>(
  task: QuiesceTask,
  context: Surroundings,
  work: (serving: Serving) => Promise<Value>,
): Promise<Value> {
  const serving = await awaitServer(task, context);
  try {
    return await work(serving);
  } catch (error) {
    context.signal.throwIfAborted();
    const now = await ask(task, context).catch(() => undefined);
    if (now?.start === serving.start) throw error;
    throw new HoldfastError(FailureType.Unavailable, `${describeTask(task)}: the server was started anew meanwhile`, { cause: error });
  }
}

async function awaitServer(task: QuiesceTask, context: Surroundings): Promise<Serving> {
  const deadline = performance.now() + START_MS;
  let problem = 'its server is only being set up';
  for (;;) {
    context.beat();
    try {
      const { isPassing, ...serving } = await ask(task, context);
      if (!isPassing) return serving;
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof HoldfastError)) throw error;
      problem = error.message;
    }
    if (performance.now() > deadline) {
      throw taskFailure(task, `its server accepts no connections: ${problem}`, 'look at the log of its pod, and restore once more');
    }
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
}

async function ask(task: QuiesceTask, context: Surroundings): Promise<Serving & { readonly isPassing: boolean }> {
  const session = new PsqlSession(task, context, NEUTRAL);
  try {
    const facts = await session.query(FACTS, context.signal);
    return { start: textAt(facts, 'start'), isReplica: field(facts, 'replica') === true, isPassing: field(facts, 'passing') === true };
  } finally {
    session.close();
  }
}
