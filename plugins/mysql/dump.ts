import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import type { ExecResult } from '../../kubernetes/port.ts';
import { execOutput } from '../exec-output.ts';
import type { PluginContext, QuiesceOutcome, RecoverContext, RecoverOutcome } from '../plugin.ts';
import { restoreMark } from '../restore-mark.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { placeOf, taskFailure, taskWarning } from '../task.ts';
import { clientCommand } from './client-command.ts';
import { MysqlSession } from './mysql-session.ts';
import { checkDataFolder, countTables, unprotectedTables, versionOf } from './server-facts.ts';

const STREAM = 'all-databases.sql';
/** One transaction sees all tables at one moment; what did not change is written in the same way again. */
const DUMP_WORDS = [
  '--all-databases',
  '--single-transaction',
  '--quick',
  '--routines',
  '--events',
  '--triggers',
  '--hex-blob',
  '--skip-dump-date',
  '--flush-privileges',
] as const;
const PAUSE_MS = 1_500;
/** How often a server that listens to no network is asked again: the images have such a one for a while when they set up. */
const SETUP_PATIENCE = 60;

/** Streams all databases into the backup, with accounts, routines and events. Rejects when the dump fails. */
export async function dumpMysql(task: QuiesceTask, context: PluginContext, session: MysqlSession): Promise<QuiesceOutcome> {
  const { signal, cluster, keep } = context;
  await checkDataFolder(task, session, signal);
  const version = await versionOf(session, signal);
  const unprotected = await unprotectedTables(session, signal);
  const tables = await countTables(session, signal);
  const accept = ({ exitCode, stderr }: ExecResult) => {
    if (exitCode !== 0) throw taskFailure(task, `the dump failed: ${briefly(stderr)}`, 'docs/plugins/mysql.md says which rights it needs');
  };
  const command = clientCommand(task, 'dump', DUMP_WORDS);
  await keep(STREAM, execOutput(cluster, { ...placeOf(task), command }, { signal, accept }));
  const problem = `tables without transactions may not be of one moment in the dump: ${unprotected.join(', ')}`;
  const warning = taskWarning(task, { code: 'NotTransactional', problem, advice: 'convert them to InnoDB' });
  return { state: { mode: 'dump', version: version.text, tables, stream: STREAM }, warnings: unprotected.length === 0 ? [] : [warning] };
}

/**
 * Loads the dump into a server that has been set up. A server that has tables of users is left, unless `inPlace`; a load of this run that was cut
 * off is begun again. Rejects when it cannot be loaded whole.
 */
export async function loadMysql(task: QuiesceTask, state: JsonObject, context: RecoverContext): Promise<RecoverOutcome> {
  const { signal } = context;
  const mark = restoreMark(context);
  const session = await awaitServer(task, context);
  try {
    const isBegun = (await session.query(`SHOW DATABASES LIKE '${mark}'`, signal)).length > 0;
    const present = await countTables(session, signal);
    if (present > 0 && !isBegun && !context.inPlace) {
      return { left: `it has ${present} tables; --in-place loads the dump over them`, warnings: [] };
    }
    await session.query(`CREATE DATABASE IF NOT EXISTS ${mark}`, signal);
    await load(task, context, textAt(state, 'stream'));
    await session.query('FLUSH PRIVILEGES', signal);
    await session.query(`DROP DATABASE ${mark}`, signal);
    const loaded = await countTables(session, signal);
    const recorded = field(state, 'tables');
    if (typeof recorded !== 'number' || loaded >= recorded) return { warnings: [] };
    const problem = `${loaded} tables are there after loading, and the dump has ${recorded}`;
    throw taskFailure(task, problem, 'look into the log of the server, and restore again with --in-place');
  } catch (error) {
    // Nobody tries again: what is there from now on is somebody's.
    const isFinal = error instanceof HoldfastError && error.type !== FailureType.Unavailable;
    if (isFinal && session.isAlive) await session.query(`DROP DATABASE IF EXISTS ${mark}`, signal).catch(() => undefined);
    throw error;
  } finally {
    session.close();
  }
}

async function load(task: QuiesceTask, { cluster, signal, read }: RecoverContext, stream: string): Promise<void> {
  const command = clientCommand(task, 'client', ['--batch', '--max-allowed-packet=1G']);
  const { exitCode, stderr } = await cluster.exec({ ...placeOf(task), command, stdin: read(stream) }, { signal });
  if (exitCode !== 0) throw taskFailure(task, `the dump cannot be loaded: ${briefly(stderr)}`, 'correct what it says, and restore again');
}

/** A session with a server that is done with setting itself up. Rejects with the signal's reason. */
async function awaitServer(task: QuiesceTask, { cluster, signal }: RecoverContext): Promise<MysqlSession> {
  for (let attempt = 0; ; attempt += 1) {
    const session = new MysqlSession(task, { cluster });
    try {
      const isSettingUp = (await session.value('@@skip_networking', signal)) === '1';
      if (!isSettingUp || attempt > SETUP_PATIENCE) return session;
    } catch {
      signal.throwIfAborted();
    }
    session.close();
    await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}
