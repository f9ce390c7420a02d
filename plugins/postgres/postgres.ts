import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { PutBack, QuiesceState, QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { ExecResult } from '../../kubernetes/port.ts';
import { execOutput } from '../exec-output.ts';
import { Holds, type Closable } from '../holds.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from '../plugin.ts';
import { locateInClaims, readMounts, type ClaimPath } from '../pod-containers.ts';
import { within } from '../run-command.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { placeOf, taskFailure, taskWarning } from '../task.ts';
import { BackupMode, type StoppedBackup } from './backup-mode.ts';
import { dumpPostgres } from './dump.ts';
import { isPostgres, planPostgres, type PostgresMode } from './plan.ts';
import { PsqlSession } from './psql-session.ts';
import { recoverPostgres } from './recover.ts';
import { walTar, type WalRange } from './wal.ts';

const NAME = 'postgres';
const WAL_STREAM = 'wal.tar';
const RENEW_MS = 1_000;

/** The session, or what came of it: a release that is asked for again has the same answer. */
interface Hold extends Closable {
  readonly backup: BackupMode;
  readonly folders: Folders;
  released?: QuiesceOutcome;
}

/**
 * PostgreSQL by backup mode, checkpoint or dump; docs/plugins/postgres.md. The backup mode lives in a session of this process, and ends with it:
 * `release` in another process answers that it is broken.
 */
export function postgresPlugin(): QuiescePlugin {
  const holds = new Holds<Hold>();
  return {
    name: NAME,
    detects: isPostgres,
    plan: (subject) => planPostgres(NAME, subject),
    quiesce: (task, context) =>
      within(context, { task, seconds: task.timeoutSeconds, what: 'quiescing' }, (limited) => QUIESCE[modeOf(task)](task, limited, holds)),
    renew: async (task, state, context) => {
      if (textAt(state.state, 'mode') !== 'backup-mode') return;
      const hold = heldFor(state, holds.get(task, context));
      if (!hold) throw taskFailure(task, 'its backup mode has ended', 'back up again');
      holds.renew(task, context);
      await hold.backup.renew(context.signal);
    },
    release: async (task, state, context) => {
      const hold = holds.get(task, context);
      if (!state || textAt(state.state, 'mode') !== 'backup-mode') {
        holds.drop(task, context);
        return { state: state?.state ?? {}, warnings: [] };
      }
      const held = heldFor(state, hold);
      return held ? stopBackup(task, state, { context, hold: held, holds }) : lost(task, state);
    },
    needsRecovery: (_task, state) => textAt(state, 'mode') === 'dump',
    recover: (task, state, context) =>
      within(context, { task, seconds: task.timeoutSeconds, what: 'loading the dump' }, (limited) => recoverPostgres(task, state, limited)),
  };
}

type Quiesce = (task: QuiesceTask, context: PluginContext, holds: Holds<Hold>) => Promise<QuiesceOutcome>;

const QUIESCE: Readonly<Record<PostgresMode, Quiesce>> = {
  checkpoint: async (task, context) => {
    const session = new PsqlSession(task, context);
    try {
      await session.query('CHECKPOINT', context.signal);
      return { state: { mode: 'checkpoint' }, warnings: [] };
    } finally {
      session.close();
    }
  },
  dump: async (task, context) => ({ state: { mode: 'dump', ...(await dumpPostgres(task, context, context.keep)) }, warnings: [] }),
  'backup-mode': async (task, context, holds) => {
    const earlier = holds.get(task, context);
    if (earlier?.backup.isAlive === true && !earlier.released) return begun(earlier.backup);
    const backup = await BackupMode.begin(task, context);
    if (backup.isReplica) {
      backup.close();
      return replica(task);
    }
    const close = () => {
      backup.close();
    };
    try {
      holds.set(task, context, { backup, folders: await findFolders(task, context, backup.folder), close });
      return begun(backup);
    } catch (error) {
      close();
      throw error;
    }
  },
};

function modeOf({ settings }: QuiesceTask): PostgresMode {
  const mode = textAt(settings, 'mode');
  return mode === 'checkpoint' || mode === 'dump' ? mode : 'backup-mode';
}

function begun({ facts, warnings }: BackupMode): QuiesceOutcome {
  return { state: { mode: 'backup-mode', ...facts }, warnings };
}

function replica(task: QuiesceTask): QuiesceOutcome {
  const problem = 'it is a replica: its files are no backup, and its primary is captured by itself';
  const advice = 'after a restore of the primary, make its replicas anew; holdfast.dev/quiesce: none on replicas says that this is known';
  return { state: { mode: 'replica' }, warnings: [taskWarning(task, { code: 'Replica', problem, advice })], broken: true };
}

function heldFor({ state }: QuiesceState, hold: Hold | undefined): Hold | undefined {
  return hold && (hold.released ?? hold.backup.isAlive) && hold.backup.isOf(state) ? hold : undefined;
}

function lost(task: QuiesceTask, { state }: QuiesceState, failure?: HoldfastError): QuiesceOutcome {
  const warning = taskWarning(task, {
    code: 'QuiesceLost',
    problem: 'its backup mode ended before the capture did',
    advice: 'what was read live is not consistent: back up again; a worker that stopped, or a lost connection to the pod, does this',
  });
  const own = failure ? { ...warning, message: failure.message, advice: failure.advice } : warning;
  return { state, warnings: [own], broken: true };
}

/**
 * Ends the backup and keeps the log with it. Rejects when trying again can help: the session stays as it is then, and the lease ends it when
 * nobody does. What cannot be helped is an outcome: the copy is not consistent, and everything else of the backup is.
 */
async function stopBackup(
  task: QuiesceTask,
  state: QuiesceState,
  { context, hold, holds }: { readonly context: PluginContext; readonly hold: Hold; readonly holds: Holds<Hold> },
): Promise<QuiesceOutcome> {
  if (hold.released) return hold.released;
  const { backup, folders } = hold;
  const timer = setInterval(() => {
    holds.renew(task, context);
    context.beat();
  }, 2_000);
  try {
    const stopped = await within(context, { task, seconds: task.timeoutSeconds, what: 'ending the backup mode' }, async ({ signal }) => {
      const ended = await backup.stop(signal);
      await backup.checkLog(ended.wal, signal);
      return ended;
    });
    await keepLog(task, context, { backup, wal: stopped.wal });
    hold.released = { state: state.state, warnings: [], putBack: putBack(stopped, folders) };
  } catch (error) {
    context.signal.throwIfAborted();
    const mayHelp = !(error instanceof HoldfastError) || (error.type === FailureType.Unavailable && backup.isAlive);
    if (mayHelp) throw error;
    hold.released = lost(task, state, error);
  } finally {
    clearInterval(timer);
  }
  backup.close();
  return hold.released;
}

/** Streams the log into the backup. */
async function keepLog(
  task: QuiesceTask,
  { cluster, signal, keep }: PluginContext,
  { backup, wal }: { readonly backup: BackupMode; readonly wal: WalRange },
): Promise<void> {
  const accept = (result: ExecResult) => {
    if (result.exitCode !== 0) throw unreadable(task, briefly(result.stderr));
  };
  const command = walTar(backup.folder, wal);
  // The session keeps the log, and the server must see that somebody is there. A session that has ended is met by the question after.
  const timer = setInterval(() => {
    backup.renew(signal).catch(() => undefined);
  }, RENEW_MS);
  try {
    await keep(WAL_STREAM, execOutput(cluster, { ...placeOf(task), command }, { signal, accept }));
  } finally {
    clearInterval(timer);
  }
  // A session that ended meanwhile no longer kept the server from recycling what was being read.
  await backup.renew(signal);
}

function putBack({ label, tablespaceMap }: StoppedBackup, { data, log }: Folders): readonly PutBack[] {
  const inData = (name: string) => [data.path, name].filter((part) => part !== '').join('/');
  const file = (name: string, content: string): PutBack => ({ kind: 'file', claim: data.claim, path: inData(name), content });
  return [
    // Of the server that was copied: its process number may be another process's now.
    { kind: 'absent', claim: data.claim, path: inData('postmaster.pid') },
    file('backup_label', label),
    ...(tablespaceMap === '' ? [] : [file('tablespace_map', tablespaceMap)]),
    { kind: 'tar', claim: log.claim, path: log.path, stream: WAL_STREAM },
  ];
}

/** Where a server's data and its log lie in claims: the log may be a link to another volume. */
interface Folders {
  readonly data: ClaimPath;
  readonly log: ClaimPath;
}

async function findFolders(task: QuiesceTask, { cluster, signal }: PluginContext, folder: string): Promise<Folders> {
  const script =
    'cd "$1" && pwd -P && (cd pg_wal && pwd -P) && for space in pg_tblspc/*; do [ ! -e "$space" ] || (cd "$space" && pwd -P) || exit; done';
  const command = ['sh', '-c', script, 'holdfast', folder];
  const { exitCode, stdout, stderr } = await cluster.exec({ ...placeOf(task), command }, { signal });
  if (exitCode !== 0) throw unreadable(task, briefly(stderr));
  const paths = stdout.split('\n').filter((path) => path !== '');
  const places = paths.map((path) => locateInClaims(readMounts(task.settings), path));
  const [data, log] = places;
  if (data && log && !places.includes(undefined)) return { data, log };
  throw taskFailure(
    task,
    `${paths[places.indexOf(undefined)] ?? folder}, of its data folder, log and tablespaces, is in no claim of the container`,
    'keep all of them in claims, or choose the mode dump',
  );
}

function unreadable(task: QuiesceTask, words: string): HoldfastError {
  const advice = 'the container needs sh and tar, and its user the right to read the data folder';
  return taskFailure(task, `the data folder cannot be read: ${words}`, advice);
}
