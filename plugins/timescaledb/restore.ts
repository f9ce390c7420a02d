import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { listAt } from '../../domain/resource/fields.ts';
import type { RecoverContext, RecoverOutcome } from '../plugin.ts';
import { clientCommand } from '../postgres/client-command.ts';
import { readDump, restorePostgres, type PostgresDump } from '../postgres/dump.ts';
import { NEUTRAL, whileServing } from '../postgres/serving.ts';
import { restoreMark } from '../restore-mark.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { placeOf, taskFailure } from '../task.ts';
import { countUserRelations, inDatabase, readDatabases, setWorkers, type TimescaleDatabase } from './databases.ts';

/**
 * Loads a dump: roles, databases without TimescaleDB, and those with it, each made anew with the extension in the version that it had, between
 * the extension's own preparations. A server in which somebody has made something is left, unless `inPlace`: databases with TimescaleDB
 * are then dropped, and others lose the objects that the dump has.
 */
export async function restoreTimescale(task: QuiesceTask, state: JsonObject, context: RecoverContext): Promise<RecoverOutcome> {
  try {
    return await whileServing(task, context, ({ isReplica }) =>
      isReplica
        ? Promise.resolve({ left: 'it is a replica, and gets what its primary gets', warnings: [] })
        : restoreAll(task, state, context),
    );
  } catch (error) {
    // Nobody tries again: what is there from now on is somebody's.
    const isFinal = error instanceof HoldfastError && error.type !== FailureType.Unavailable;
    if (isFinal) await inNeutral(task, context, (query) => query(`DROP ROLE IF EXISTS ${restoreMark(context)}`)).catch(() => undefined);
    throw error;
  }
}

async function restoreAll(task: QuiesceTask, state: JsonObject, context: RecoverContext): Promise<RecoverOutcome> {
  const databases = readDatabases(state);
  const dump = readDump(state);
  const inTheWay = context.inPlace ? [] : await usedBySomebody(task, dump, context);
  if (inTheWay.length > 0) {
    return { left: `there is something in database ${inTheWay.join(', ')}; --in-place drops it and loads the dump`, warnings: [] };
  }
  const mark = restoreMark(context);
  await inNeutral(task, context, (query) =>
    query(`DO $$ BEGIN CREATE ROLE ${mark} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`),
  );
  const isPlain = ({ name }: { readonly name: string }) => !databases.some((database) => database.name === name);
  await restorePostgres(task, context, { dump: { ...dump, databases: dump.databases.filter(isPlain) }, source: context.read });
  for (const database of databases) {
    context.beat();
    const stream = dump.databases.find(({ name }) => name === database.name)?.stream ?? '';
    await restoreDatabase(task, context, { database, stream });
  }
  await inNeutral(task, context, (query) => query(`DROP ROLE ${mark}`));
  return { warnings: [] };
}

async function restoreDatabase(
  task: QuiesceTask,
  context: RecoverContext,
  { database, stream }: { readonly database: TimescaleDatabase; readonly stream: string },
): Promise<void> {
  const { name, extension, owner, encoding, collate, ctype } = database;
  const neutral = ['--no-password', `--maintenance-db=${NEUTRAL}`];
  await runClient(task, context, { words: ['dropdb', ...neutral, '--force', '--if-exists', '--', name] });
  const locale = [`--encoding=${encoding}`, `--lc-collate=${collate}`, `--lc-ctype=${ctype}`];
  await runClient(task, context, { words: ['createdb', ...neutral, '--template=template0', ...locale, `--owner=${owner}`, '--', name] });
  const within = { ...context, database: name };
  await inDatabase(task, within, (query) => query(`CREATE EXTENSION timescaledb VERSION ${identifier(extension)}`));
  // The extension's library is in a session from its start on: the next ones are new.
  await inDatabase(task, within, (query) => query('SELECT to_json(timescaledb_pre_restore())'));
  const words = ['pg_restore', '--no-password', '--exit-on-error', `--dbname=${name}`];
  await runClient(task, context, { words, stdin: context.read(stream) });
  await inDatabase(task, within, (query) => query('SELECT to_json(timescaledb_post_restore())'));
  await setWorkers(task, within, 'start');
  await inDatabase(task, within, (query) => query('ANALYZE'));
}

/** The databases of the dump that are there and in which somebody has made something; none while it is being loaded. */
async function usedBySomebody(task: QuiesceTask, dump: PostgresDump, context: RecoverContext): Promise<readonly string[]> {
  const present = await inNeutral(task, context, async (query) => {
    const isOurs = await query(`SELECT to_json(count(*)) FROM pg_roles WHERE rolname = '${restoreMark(context)}'`);
    return isOurs === 1 ? [] : listAt(await query("SELECT json_build_object('names', json_agg(datname)) FROM pg_database"), 'names');
  });
  const used: string[] = [];
  for (const { name } of dump.databases) {
    if (present.includes(name) && (await countUserRelations(task, context, name)) > 0) used.push(name);
  }
  return used;
}

function inNeutral<Value>(
  task: QuiesceTask,
  context: RecoverContext,
  work: (query: (statement: string) => Promise<Json>) => Promise<Value>,
): Promise<Value> {
  return inDatabase(task, { ...context, database: NEUTRAL }, work);
}

async function runClient(
  task: QuiesceTask,
  { cluster, signal }: RecoverContext,
  { words, stdin }: { readonly words: readonly string[]; readonly stdin?: AsyncIterable<Buffer> },
): Promise<void> {
  const request = { ...placeOf(task), command: clientCommand(task, words), ...(stdin ? { stdin } : {}) };
  const { exitCode, stderr } = await cluster.exec(request, { signal });
  if (exitCode === 0) return;
  throw taskFailure(
    task,
    `${words[0] ?? ''} failed: ${briefly(stderr)}`,
    'correct what it says, and restore again; docs/plugins/timescaledb.md',
  );
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
