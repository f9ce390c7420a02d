import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from '../plugin.ts';
import { dumpPostgres } from '../postgres/dump.ts';
import { postgresPlugin } from '../postgres/postgres.ts';
import { forRelease, releaseAfter, within } from '../run-command.ts';
import { setWorkers, timescaleDatabases } from './databases.ts';
import { isTimescale, planTimescale } from './plan.ts';
import { restoreTimescale } from './restore.ts';

const NAME = 'timescaledb';
const RELEASE_S = 60;

/**
 * TimescaleDB: files and snapshots as PostgreSQL's plugin treats them, dumps with what the extension needs; docs/plugins/timescaledb.md. Its
 * background workers are stopped for the time of a dump; that has no lease, `release` starts them, and so does a start of the server.
 */
export function timescaledbPlugin(): QuiescePlugin {
  const postgres = postgresPlugin();
  return {
    name: NAME,
    detects: isTimescale,
    plan: (subject) => planTimescale(NAME, subject),
    quiesce: (task, context) =>
      isDump(task)
        ? within(context, { task, seconds: task.timeoutSeconds, what: 'the dump' }, (limited) => dump(task, limited))
        : postgres.quiesce(task, context),
    renew: (task, state, context) => postgres.renew(task, state, context),
    release: async (task, state, context) => {
      if (!isDump(task)) return postgres.release(task, state, context);
      if (!state) await startAll(task, context);
      return { state: state?.state ?? {}, warnings: [] };
    },
    needsRecovery: (task) => isDump(task),
    recover: (task, state, context) =>
      within(context, { task, seconds: task.timeoutSeconds, what: 'loading' }, (limited) => restoreTimescale(task, state, limited)),
  };
}

function isDump({ settings }: QuiesceTask): boolean {
  return textAt(settings, 'mode') === 'dump';
}

/** Jobs that rewrite chunks while they are dumped would meet its locks, and it theirs. */
async function dump(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome> {
  const timescale = await timescaleDatabases(task, context);
  try {
    for (const { name } of timescale) await setWorkers(task, { ...context, database: name }, 'stop');
    const dumped = await dumpPostgres(task, context, context.keep);
    for (const { name } of timescale) await setWorkers(task, { ...context, database: name }, 'start');
    return { state: { mode: 'dump', ...dumped, timescale }, warnings: [] };
  } catch (error) {
    return releaseAfter(error, task, () => startAll(task, forRelease(context, RELEASE_S)));
  }
}

async function startAll(task: QuiesceTask, context: PluginContext): Promise<void> {
  for (const { name } of await timescaleDatabases(task, context)) await setWorkers(task, { ...context, database: name }, 'start');
}
