import type { Json, JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, listAt, objectAt, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext } from '../plugin.ts';
import { PsqlSession } from '../postgres/psql-session.ts';

type Surroundings = Pick<PluginContext, 'cluster' | 'signal'>;

/** A database with TimescaleDB, as it must be made again. */
export interface TimescaleDatabase extends JsonObject {
  readonly name: string;
  /** Version of the extension: its own tables fit no other. */
  readonly extension: string;
  readonly owner: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
}

const DATABASES = `SELECT json_build_object('databases', json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba),
  'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype) ORDER BY datname))
  FROM pg_database WHERE datallowconn AND NOT datistemplate`.replace(/\s+/g, ' ');
const EXTENSION = "SELECT to_json(extversion) FROM pg_extension WHERE extname = 'timescaledb'";
/** Relations that somebody made: none of the server's, none that belongs to an extension. */
const USER_RELATIONS = `SELECT json_build_object('relations', count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND n.nspname NOT LIKE '\\_timescaledb\\_%' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`.replace(
  /\s+/g,
  ' ',
);

/** Answers of a session with one database, which is ended after the work. */
export async function inDatabase<Value>(
  task: QuiesceTask,
  context: Surroundings & { readonly database: string },
  work: (query: (statement: string) => Promise<Json>) => Promise<Value>,
): Promise<Value> {
  const settings = context.database === '' ? task.settings : { ...task.settings, database: context.database };
  const session = new PsqlSession({ ...task, settings }, context);
  try {
    return await work((statement) => session.query(statement, context.signal));
  } finally {
    session.close();
  }
}

/** The databases of the server in which the extension is. */
export async function timescaleDatabases(task: QuiesceTask, context: Surroundings): Promise<readonly TimescaleDatabase[]> {
  const answer = await inDatabase(task, { ...context, database: '' }, (query) => query(DATABASES));
  const found: TimescaleDatabase[] = [];
  for (const database of listAt(answer, 'databases')) {
    const name = textAt(database, 'name');
    const extension = await inDatabase(task, { ...context, database: name }, (query) => query(EXTENSION));
    if (typeof extension === 'string') found.push(readDatabase(database, extension));
  }
  return found;
}

/** As they lie in a state, read back. */
export function readDatabases(state: JsonObject): readonly TimescaleDatabase[] {
  return listAt(state, 'timescale').map((database) => readDatabase(database, textAt(database, 'extension')));
}

/** How much somebody has made in a database. */
export async function countUserRelations(task: QuiesceTask, context: Surroundings, database: string): Promise<number> {
  const answer = await inDatabase(task, { ...context, database }, (query) => query(USER_RELATIONS));
  const count = field(answer, 'relations');
  return typeof count === 'number' ? count : 0;
}

/** Stops or starts what TimescaleDB does by itself in a database: compression, retention, refreshing. It may be done twice. */
export async function setWorkers(
  task: QuiesceTask,
  context: Surroundings & { readonly database: string },
  what: 'start' | 'stop',
): Promise<void> {
  await inDatabase(task, context, async (query) => {
    const call = `${what}_background_workers()`;
    // Before version 2.11 it was in another schema.
    const present = await query(`SELECT to_json(to_regprocedure('_timescaledb_functions.${call}') IS NOT NULL)`);
    await query(`SELECT to_json(${present === true ? '_timescaledb_functions' : '_timescaledb_internal'}.${call})`);
  });
}

function readDatabase(from: Json, extension: string): TimescaleDatabase {
  const { name, owner, encoding, collate, ctype } = objectAt(from);
  const text = (value: Json | undefined) => (typeof value === 'string' ? value : '');
  return { name: text(name), extension, owner: text(owner), encoding: text(encoding), collate: text(collate), ctype: text(ctype) };
}
