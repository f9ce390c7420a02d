import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, listAt, textAt } from '../../domain/resource/fields.ts';
import type { ExecResult } from '../../kubernetes/port.ts';
import { execOutput } from '../exec-output.ts';
import type { PluginContext, StreamSink } from '../plugin.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { describeTask, placeOf, taskFailure } from '../task.ts';
import { clientCommand, PSQL } from './client-command.ts';
import { PsqlSession } from './psql-session.ts';
import { NEUTRAL } from './serving.ts';

/** What was dumped: comes back for the restore. */
export interface PostgresDump extends JsonObject {
  /** As PostgreSQL counts: 150008. */
  readonly version: number;
  /** Name of the stream with roles and tablespaces. */
  readonly globals: string;
  readonly databases: readonly { readonly name: string; readonly stream: string }[];
}

/** As it lies in a state, read back. */
export function readDump(state: JsonObject): PostgresDump {
  const databases = listAt(state, 'databases').map((database) => ({ name: textAt(database, 'name'), stream: textAt(database, 'stream') }));
  const version = field(state, 'version');
  return { version: typeof version === 'number' ? version : 0, globals: textAt(state, 'globals'), databases };
}

/** Gives the stream that was kept under a name. */
type StreamSource = (name: string) => AsyncIterable<Uint8Array>;

/**
 * Streams every database of the server into the sink, each as one consistent dump of pg_dump's custom format, uncompressed so that what did
 * not change is found again, and before them roles and tablespaces. Databases are not consistent with each other. Rejects when a dump fails.
 */
export async function dumpPostgres(task: QuiesceTask, context: PluginContext, sink: StreamSink): Promise<PostgresDump> {
  const { version, names } = await askFacts(task, context);
  const globals = 'globals.sql';
  await sink(globals, clientOutput(task, context, { words: ['pg_dumpall', '--globals-only', '--no-password'] }));
  const databases = names.map((name) => ({ name, stream: `database-${encodeURIComponent(name)}.dump` }));
  for (const { name, stream } of databases) {
    context.beat();
    const words = ['pg_dump', '--format=custom', '--compress=0', '--no-password'];
    await sink(stream, clientOutput(task, context, { words, database: name }));
  }
  return { version, globals, databases };
}

/**
 * Loads a dump into a server that runs: roles and tablespaces that it lacks, then each database. A database that exists loses the objects that
 * the dump has, and gets them from there. Rejects when one cannot be loaded whole.
 */
export async function restorePostgres(
  task: QuiesceTask,
  context: Omit<PluginContext, 'keep'>,
  { dump, source }: RestoreFrom,
): Promise<void> {
  // Roles that exist are refused one by one, and that is as it should be: the rest of the file goes on.
  await load(task, context, { words: PSQL, database: NEUTRAL, stdin: source(dump.globals) });
  const { names } = await askFacts(task, context, NEUTRAL);
  for (const { name, stream } of dump.databases) {
    context.beat();
    const target = names.includes(name)
      ? ['--clean', '--if-exists', '--single-transaction', '--dbname', name]
      : ['--create', '--dbname', 'template1'];
    const { exitCode, stderr } = await load(task, context, {
      words: ['pg_restore', '--no-password', '--exit-on-error', ...target],
      stdin: source(stream),
    });
    if (exitCode !== 0) {
      throw taskFailure(task, `database ${name} cannot be loaded: ${briefly(stderr)}`, 'correct what it says, and restore again');
    }
  }
}

interface RestoreFrom {
  readonly dump: PostgresDump;
  readonly source: StreamSource;
}

interface ClientCall {
  readonly words: readonly string[];
  readonly database?: string;
}

async function* clientOutput(
  task: QuiesceTask,
  { cluster, signal }: PluginContext,
  { words, database }: ClientCall,
): AsyncGenerator<Buffer> {
  const request = { ...placeOf(task), command: clientCommand(task, words, database) };
  const accept = ({ exitCode, stderr }: ExecResult) => {
    if (exitCode === 0) return;
    throw taskFailure(task, `${words[0] ?? ''} failed: ${briefly(stderr)}`, 'docs/plugins/postgres.md says which rights it needs');
  };
  yield* execOutput(cluster, request, { signal, accept });
}

function load(
  task: QuiesceTask,
  { cluster, signal }: Omit<PluginContext, 'keep'>,
  { words, database, stdin }: ClientCall & { readonly stdin: AsyncIterable<Uint8Array> },
): Promise<ExecResult> {
  return cluster.exec({ ...placeOf(task), command: clientCommand(task, words, database), stdin }, { signal });
}

async function askFacts(
  task: QuiesceTask,
  context: Omit<PluginContext, 'keep'>,
  database = '',
): Promise<{ readonly version: number; readonly names: readonly string[] }> {
  const session = new PsqlSession(task, context, database);
  try {
    const statement =
      "SELECT json_build_object('version', current_setting('server_version_num')::int, 'names', json_agg(datname ORDER BY datname)) FROM pg_database WHERE datallowconn AND NOT datistemplate";
    const facts = await session.query(statement, context.signal);
    const version = field(facts, 'version');
    const names = listAt(facts, 'names').filter((name) => typeof name === 'string');
    if (typeof version === 'number') return { version, names };
    throw new HoldfastError(FailureType.Unavailable, `${describeTask(task)}: the server's answer cannot be read: ${textAt(facts)}`);
  } finally {
    session.close();
  }
}
