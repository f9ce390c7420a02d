import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceState, QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { Holds, type Closable } from '../holds.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from '../plugin.ts';
import { within } from '../run-command.ts';
import { taskFailure, taskWarning } from '../task.ts';
import { dumpMysql, loadMysql } from './dump.ts';
import { MysqlSession } from './mysql-session.ts';
import { isMysql, planMysql } from './plan.ts';
import { isReplica, positionOf, versionOf } from './server-facts.ts';

const NAME = 'mysql';
/** Whoever waits for the lock makes everybody else wait, too. */
const LOCK_WAIT_S = 60;

interface Hold extends Closable {
  readonly session: MysqlSession;
  readonly state: JsonObject;
}

/**
 * MySQL and MariaDB by a read lock under a snapshot, or by a dump; docs/plugins/mysql.md. The lock lives in a session of this process, and ends
 * with it: `release` in another process answers that it is broken.
 */
export function mysqlPlugin(): QuiescePlugin {
  const holds = new Holds<Hold>();
  return {
    name: NAME,
    detects: isMysql,
    plan: (subject) => planMysql(NAME, subject),
    quiesce: (task, context) =>
      within(context, { task, seconds: task.timeoutSeconds, what: 'quiescing' }, async (limited) => {
        if (textAt(task.settings, 'mode') === 'lock') return lock(task, limited, holds);
        const session = new MysqlSession(task, limited);
        try {
          const version = await versionOf(session, limited.signal);
          if (await isReplica(session, version, limited.signal)) return replica(task);
          return await dumpMysql(task, limited, session);
        } finally {
          session.close();
        }
      }),
    renew: async (task, { state }, context) => {
      if (textAt(state, 'mode') !== 'lock') return;
      const hold = heldFor(state, holds.get(task, context));
      if (!hold) throw taskFailure(task, 'its lock is gone', 'back up again');
      holds.renew(task, context);
      await hold.session.query('SELECT 1', context.signal);
    },
    release: async (task, state, context) => {
      const hold = holds.get(task, context);
      try {
        return await unlock(task, state, { context, hold });
      } finally {
        holds.drop(task, context);
      }
    },
    needsRecovery: (_task, state) => textAt(state, 'mode') === 'dump',
    recover: (task, state, context) =>
      within(context, { task, seconds: task.timeoutSeconds, what: 'loading' }, (limited) => loadMysql(task, state, limited)),
  };
}

/** Takes the lock in a session of its own, which the server ends when nobody renews it. */
async function lock(task: QuiesceTask, context: PluginContext, holds: Holds<Hold>): Promise<QuiesceOutcome> {
  const earlier = holds.get(task, context);
  if (earlier?.session.isAlive === true) return { state: earlier.state, warnings: [] };
  const { signal } = context;
  const session = new MysqlSession(task, context);
  const close = () => {
    session.close();
  };
  try {
    const version = await versionOf(session, signal);
    await session.query(`SET SESSION wait_timeout = ${task.leaseSeconds}`, signal);
    await session.query(`SET SESSION lock_wait_timeout = ${Math.min(LOCK_WAIT_S, task.timeoutSeconds)}`, signal);
    await session.query('FLUSH TABLES WITH READ LOCK', signal);
    const position = await positionOf(session, version, signal);
    const connection = await session.value('CONNECTION_ID()', signal);
    const started = await session.value('(SELECT NOW(6))', signal);
    const state = { mode: 'lock', version: version.text, connection, started, position };
    holds.set(task, context, { session, state, close });
    return { state, warnings: [] };
  } catch (error) {
    close();
    throw error;
  }
}

async function unlock(
  task: QuiesceTask,
  state: QuiesceState | undefined,
  { context, hold }: { readonly context: PluginContext; readonly hold: Hold | undefined },
): Promise<QuiesceOutcome> {
  if (!state || textAt(state.state, 'mode') !== 'lock') return { state: state?.state ?? {}, warnings: [] };
  const held = heldFor(state.state, hold);
  try {
    if (held) {
      await within(context, { task, seconds: LOCK_WAIT_S, what: 'unlocking' }, ({ signal }) => held.session.query('UNLOCK TABLES', signal));
      return { state: state.state, warnings: [] };
    }
  } catch {
    // The session ended before it was told to: whether it held the lock to the end is not known.
    context.signal.throwIfAborted();
  }
  const problem = 'its lock ended before the capture did';
  const advice = 'back up again; a worker that stopped, or a lost connection to the pod, does this';
  return { state: state.state, warnings: [taskWarning(task, { code: 'QuiesceLost', problem, advice })], broken: true };
}

function heldFor(state: JsonObject, hold: Hold | undefined): Hold | undefined {
  const isOf =
    hold !== undefined &&
    textAt(hold.state, 'connection') === textAt(state, 'connection') &&
    textAt(hold.state, 'started') === textAt(state, 'started');
  return isOf && hold.session.isAlive ? hold : undefined;
}

function replica(task: QuiesceTask): QuiesceOutcome {
  const problem = 'it is a replica: it is not dumped, and its primary is captured by itself';
  const advice = 'after a restore of the primary, make its replicas anew; holdfast.dev/quiesce: none on replicas says that this is known';
  return { state: { mode: 'replica' }, warnings: [taskWarning(task, { code: 'Replica', problem, advice })], broken: true };
}
