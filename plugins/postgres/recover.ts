import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, listAt } from '../../domain/resource/fields.ts';
import type { RecoverContext, RecoverOutcome } from '../plugin.ts';
import { restoreMark } from '../restore-mark.ts';
import { readDump, restorePostgres, type PostgresDump } from './dump.ts';
import { PsqlSession } from './psql-session.ts';
import { NEUTRAL, whileServing, type Serving } from './serving.ts';

/** Relations that somebody made: none of the server's, none that belongs to an extension. */
const USER_RELATIONS = `SELECT json_build_object('relations', count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`.replace(/\s+/g, ' ');
const DATABASES = "SELECT json_build_object('names', json_agg(datname)) FROM pg_database WHERE datallowconn";

/**
 * Loads the dump of a server into its restored one, as soon as that accepts connections. A server in which somebody has made something is left
 * as it is, unless `inPlace`: its databases then lose the objects that the dump has, and get them from there.
 */
export async function recoverPostgres(task: QuiesceTask, state: JsonObject, context: RecoverContext): Promise<RecoverOutcome> {
  try {
    return await whileServing(task, context, (serving) => recover(task, readDump(state), { ...context, serving }));
  } catch (error) {
    // Nobody tries again: what is there from now on is somebody's.
    const isFinal = error instanceof HoldfastError && error.type !== FailureType.Unavailable;
    if (isFinal) await ask(task, context, `DROP ROLE IF EXISTS ${restoreMark(context)}`).catch(() => undefined);
    throw error;
  }
}

async function recover(
  task: QuiesceTask,
  dump: PostgresDump,
  context: RecoverContext & { readonly serving: Serving },
): Promise<RecoverOutcome> {
  if (context.serving.isReplica) return { left: 'it is a replica, and gets what its primary gets', warnings: [] };
  const inTheWay = context.inPlace ? [] : await usedBySomebody(task, dump, context);
  if (inTheWay.length > 0) {
    return { left: `there is something in database ${inTheWay.join(', ')}; --in-place loads the dump over it`, warnings: [] };
  }
  // A role that is there while the dump is being loaded.
  const mark = restoreMark(context);
  await ask(task, context, `DO $$ BEGIN CREATE ROLE ${mark} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
  await restorePostgres(task, context, { dump, source: context.read });
  await ask(task, context, `DROP ROLE ${mark}`);
  return { warnings: [] };
}

/** The databases of the dump that are there and in which somebody has made something; none when that was an earlier attempt of this run. */
async function usedBySomebody(task: QuiesceTask, { databases }: PostgresDump, context: RecoverContext): Promise<readonly string[]> {
  const marked = await ask(task, context, `SELECT to_json(count(*)) FROM pg_roles WHERE rolname = '${restoreMark(context)}'`);
  if (marked === 1) return [];
  const present = listAt(await ask(task, context, DATABASES), 'names');
  const used: string[] = [];
  for (const { name } of databases.filter((database) => present.includes(database.name))) {
    context.beat();
    if (field(await ask(task, { ...context, database: name }, USER_RELATIONS), 'relations') !== 0) used.push(name);
  }
  return used;
}

async function ask(task: QuiesceTask, context: RecoverContext & { readonly database?: string }, statement: string): Promise<Json> {
  const session = new PsqlSession(task, context, context.database ?? NEUTRAL);
  try {
    return await session.query(statement, context.signal);
  } finally {
    session.close();
  }
}
