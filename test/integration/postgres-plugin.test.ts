import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { QuiesceOutcome, RecoverContext } from '../../plugins/plugin.ts';
import { BackupMode } from '../../plugins/postgres/backup-mode.ts';
import type { PostgresDump } from '../../plugins/postgres/dump.ts';
import { postgresPlugin } from '../../plugins/postgres/postgres.ts';
import { pluginContext, pod, stateOf, type KeptStreams } from '../support/plugin-context.ts';
import { postgresServer, type PostgresServer } from '../support/postgres-server.ts';
import { startWriter } from '../support/postgres-writer.ts';

const run = promisify(execFile);
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(options: Parameters<typeof postgresServer>[0] = {}): Promise<PostgresServer> {
  const started = await postgresServer(options);
  cleanups.push(() => started.remove());
  return started;
}

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hfpg-restored-'));
  await run('chmod', ['755', folder]);
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function planned(source: PostgresServer, annotations: Record<string, string> = {}, more: Partial<QuiesceTask> = {}): QuiesceTask {
  const database = pod('db-0', { image: 'docker.io/library/postgres:15', mountPath: source.volume, annotations });
  const [task] = postgresPlugin().plan({ namespace: 'shop', pods: [database], workloads: [], claims: [], methods: {} });
  return { ...task!, ...more };
}

function recoverContext({ cluster }: PostgresServer, { streams }: KeptStreams, run: string): RecoverContext {
  const { keep: _, ...context } = pluginContext(cluster, run).context;
  // As streams come from a backup: in pieces.
  async function* read(name: string): AsyncGenerator<Buffer> {
    const content = streams.get(name)!;
    for (let from = 0; from < content.length; from += 1_000) {
      await sleep(0);
      yield content.subarray(from, from + 1_000);
    }
  }
  return { ...context, read, inPlace: false, options: {} };
}

/** Does what a restore does with what a release said. */
async function putBack(volume: string, { putBack = [] }: QuiesceOutcome, { streams }: KeptStreams): Promise<void> {
  for (const item of putBack) {
    expect(item.claim).toBe('data');
    const target = join(volume, item.path);
    if (item.kind === 'absent') {
      await rm(target, { force: true });
      continue;
    }
    if (item.kind === 'file') {
      await writeFile(target, item.content, { mode: 0o600 });
      await run('chown', [`--reference=${join(volume, 'pgdata')}`, target]);
      continue;
    }
    await mkdir(target, { recursive: true });
    const tar = `${volume}.tar`;
    await writeFile(tar, streams.get(item.stream)!);
    await run('tar', ['-xf', tar, '-C', target, '--same-owner']);
  }
}

/** A copy that takes its time, file by file in no good order, as a mover does. */
async function slowCopy(from: string, to: string, pauseMs: number): Promise<void> {
  const { stdout } = await run('find', [from, '-type', 'f', '-printf', '%P\\n'], { maxBuffer: 1 << 26 });
  const folders = await run('find', [from, '-type', 'd', '-printf', '%P\\n']);
  for (const folder of folders.stdout.split('\n')) await mkdir(join(to, folder), { recursive: true });
  const files = stdout.split('\n').filter((file) => file !== '' && !file.endsWith('postmaster.pid'));
  // The log first, where it is of the least use: what is written while the data is copied is not in it.
  files.sort((a, b) => Number(b.includes('pg_wal/')) - Number(a.includes('pg_wal/')));
  for (const [index, file] of files.entries()) {
    await cp(join(from, file), join(to, file), { preserveTimestamps: true }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    if (index % 100 === 0) await sleep(pauseMs);
  }
  await run('chown', ['-R', `--reference=${join(from, 'pgdata')}`, to]);
  await run('chmod', ['-R', 'go-rwx', join(to, 'pgdata')]);
}

const SETTINGS = ['checkpoint_timeout=30s', 'max_wal_size=64MB', 'min_wal_size=32MB', 'full_page_writes=on', 'fsync=off'];

describe('the postgres plugin with a real server', () => {
  it('a copy of the files under load, in backup mode, starts whole and has every row that was acknowledged before the end', async () => {
    const source = await server({ settings: SETTINGS });
    const writer = await startWriter(source);
    cleanups.push(() => writer.stop());
    await sleep(1_000);
    const plugin = postgresPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source);
    const quiesced = await plugin.quiesce(task, kept.context);
    const acknowledgedAtBegin = writer.acknowledged();
    const state = stateOf(task, quiesced);
    const target = join(await temporary(), 'volume');
    await mkdir(target);
    await slowCopy(source.volume, target, 100);
    await plugin.renew(task, state, kept.context);
    // The log turns over meanwhile: without the slot the first segments would be gone.
    for (let round = 0; round < 6; round += 1)
      await source.run('psql', '-U', 'app', '-d', 'shop', '-c', 'SELECT pg_switch_wal()', '-c', 'CHECKPOINT');
    const acknowledged = writer.acknowledged();
    const released = await plugin.release(task, state, kept.context);
    expect(released).not.toHaveProperty('broken');
    expect(released.putBack?.map(({ kind, path }) => [kind, path])).toStrictEqual([
      ['absent', 'pgdata/postmaster.pid'],
      ['file', 'pgdata/backup_label'],
      ['tar', 'pgdata/pg_wal'],
    ]);
    // The same answer again, for a release whose answer was lost.
    expect(await plugin.release(task, state, kept.context)).toStrictEqual(released);
    await writer.stop();
    await putBack(target, released, kept);
    const restored = await server({ volume: target });
    expect(restored.log()).toContain('consistent recovery state reached');
    const row = await restored.run('psql', '-U', 'app', '-d', 'shop', '-AtF,', '-c', CHECK_ROWS);
    const [count = 0, highest = 0, torn = -1, sum = 0] = row.trim().split(',').map(Number);
    expect(acknowledged).toBeGreaterThan(acknowledgedAtBegin);
    expect(highest).toBeGreaterThanOrEqual(acknowledged);
    expect([count, torn, sum]).toStrictEqual([highest, 0, highest]);
    await restored.run(
      'pg_amcheck',
      '-U',
      'app',
      '--all',
      '--install-missing',
      '--heapallindexed',
      '--parent-check',
      '--maintenance-db=shop',
    );
    process.stderr.write(
      `postgres: ${acknowledgedAtBegin} rows acknowledged at the begin, ${acknowledged} before the end, ${highest} restored; ` +
        `${Math.round((kept.streams.get('wal.tar')?.length ?? 0) / 1_048_576)} MiB of log\n`,
    );
    expect(await source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', 'SELECT count(*) FROM pg_replication_slots')).toBe('0\n');
  }, 180_000);

  it('without the log and the label the same copy does not do', async () => {
    const source = await server({ settings: SETTINGS });
    const plugin = postgresPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source);
    const state = stateOf(task, await plugin.quiesce(task, kept.context));
    const target = join(await temporary(), 'volume');
    await mkdir(target);
    await slowCopy(source.volume, target, 0);
    const released = await plugin.release(task, state, kept.context);
    const [, label] = released.putBack ?? [];
    await putBack(target, { ...released, putBack: [label!] }, kept);
    await expect(server({ volume: target })).rejects.toThrow(/WAL ends before end of online backup|could not locate/);
  }, 180_000);

  it('keeps tablespaces apart, with their map', async () => {
    const source = await server();
    const space = await temporary();
    await run('chown', [`--reference=${source.volume}`, space]);
    await source.run('psql', '-U', 'app', '-d', 'shop', '-c', `CREATE TABLESPACE more LOCATION '${space}'`);
    const plugin = postgresPlugin();
    const kept = pluginContext(source.cluster);
    // Its files would be in no volume of the backup.
    await expect(plugin.quiesce(planned(source), kept.context)).rejects.toMatchObject({
      message: expect.stringContaining(`${space}, of its data folder`) as unknown,
    });
    const { settings, ...rest } = planned(source);
    const mounts = [...(settings['mounts'] as JsonObject[]), { claim: 'more', mountPath: space, subPath: '' }];
    const task = { ...rest, settings: { ...settings, mounts } };
    const state = stateOf(task, await plugin.quiesce(task, kept.context));
    const { putBack: items = [] } = await plugin.release(task, state, kept.context);
    expect(items[2]).toMatchObject({ kind: 'file', path: 'pgdata/tablespace_map', content: expect.stringContaining(space) as unknown });
  });

  it('says that it is broken when the session, its server or its worker was lost on the way', async () => {
    const source = await server();
    const task = planned(source);
    const kept = pluginContext(source.cluster);
    const plugin = postgresPlugin();
    const backends = () => source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', BACKENDS);

    const first = stateOf(task, await plugin.quiesce(task, kept.context));
    expect(await backends()).toBe('1\n');
    source.cluster.breakConnections();
    await until(async () => (await backends()) === '0\n');
    await expect(plugin.renew(task, first, kept.context)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await plugin.release(task, first, kept.context)).toMatchObject({ broken: true, warnings: [{ code: 'QuiesceLost' }] });

    const second = stateOf(task, await plugin.quiesce(task, kept.context));
    // Another process knows the state and has no session; neither has one that began anew.
    expect(await postgresPlugin().release(task, second, kept.context)).toMatchObject({ broken: true });
    const other = postgresPlugin();
    const third = stateOf(task, await other.quiesce(task, kept.context));
    expect(await other.release(task, second, kept.context)).toMatchObject({ broken: true });
    expect(await other.release(task, third, kept.context)).not.toHaveProperty('broken');

    await source.stop('SIGQUIT');
    await source.start();
    expect(await plugin.release(task, second, kept.context)).toMatchObject({ broken: true });
  });

  it('the server ends the backup mode of a session that nobody renews, and keeps that of one that is renewed', async () => {
    const source = await server();
    const task = planned(source, {}, { leaseSeconds: 2 });
    const kept = pluginContext(source.cluster);
    const plugin = postgresPlugin();
    const state = stateOf(task, await plugin.quiesce(task, kept.context));
    const backends = () => source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', BACKENDS);
    for (let second = 0; second < 5; second += 1) {
      await sleep(800);
      await plugin.renew(task, state, kept.context);
    }
    expect(await backends()).toBe('1\n');
    await sleep(2_500);
    expect(await backends()).toBe('0\n');
    expect(await plugin.release(task, state, kept.context)).toMatchObject({ broken: true });
  });

  it('the server itself ends the session of a worker that hangs with its connections open', async () => {
    const source = await server();
    // Without what the plugin watches in its own process.
    const backup = await BackupMode.begin(planned(source, {}, { leaseSeconds: 2 }), pluginContext(source.cluster).context);
    await until(async () => (await source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', BACKENDS)) === '0\n');
    expect(source.log()).toContain('terminating connection due to idle-session timeout');
    // Nor does a worker that wakes up take another session for it.
    await expect(backup.stop(new AbortController().signal)).rejects.toMatchObject({ type: 'Conflict' });
    expect(backup.isAlive).toBe(false);
  });

  it('quiescing again holds the same session, and a release without a state lets it go', async () => {
    const source = await server();
    const task = planned(source);
    const { context } = pluginContext(source.cluster);
    const plugin = postgresPlugin();
    const first = await plugin.quiesce(task, context);
    expect(await plugin.quiesce(task, context)).toStrictEqual(first);
    expect(await plugin.release(task, undefined, context)).toStrictEqual({ state: {}, warnings: [] });
    await until(async () => (await source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', BACKENDS)) === '0\n');
  });

  it('a dump of every database comes back, also into a server that has some of it', async () => {
    const source = await server();
    const odd = 'Odd "name"/€';
    await source.run('createdb', '-U', 'app', '--maintenance-db=postgres', odd);
    await source.run('psql', '-U', 'app', '-d', 'postgres', '-c', "CREATE ROLE reader LOGIN PASSWORD 'pw'");
    for (const database of ['shop', odd]) {
      await source.run(
        'psql',
        '-U',
        'app',
        '-d',
        database,
        '-c',
        'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)',
      );
    }
    const plugin = postgresPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source, { 'holdfast.dev/postgres-mode': 'dump' });
    expect(task.claims).toStrictEqual([]);
    const outcome = await plugin.quiesce(task, kept.context);
    const dump = stateOf(task, outcome).state as unknown as PostgresDump;
    expect(dump.databases.map(({ name }) => name)).toStrictEqual([odd, 'postgres', 'shop']);
    expect([...kept.streams.keys()]).toContain('database-Odd%20%22name%22%2F%E2%82%AC.dump');

    const target = await server();
    const recover = (run: string, more: Partial<RecoverContext> = {}) =>
      plugin.recover!(task, outcome.state, { ...recoverContext(target, kept, run), ...more });
    const rows = async (database: string) => target.run('psql', '-U', 'app', '-d', database, '-Atc', 'SELECT count(*), max(a) FROM t');
    const roles = () =>
      target.run('psql', '-U', 'app', '-d', 'shop', '-Atc', "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1");

    // The stream of the second database breaks: what the first attempt has loaded is no reason for the next one of the same run to leave it.
    const broken: RecoverContext['read'] = (name) => {
      if (name.includes('shop')) throw new HoldfastError('Unavailable', 'the location does not answer');
      return recoverContext(target, kept, 'first').read(name);
    };
    await expect(recover('first', { read: broken })).rejects.toMatchObject({ type: 'Unavailable' });
    expect(await rows(odd)).toBe('1000|1000\n');
    expect(await recover('other')).toMatchObject({ left: expect.stringContaining(odd) as unknown });
    expect(await recover('first')).toStrictEqual({ warnings: [] });
    for (const database of ['shop', odd]) expect(await rows(database)).toBe('1000|1000\n');
    expect(await roles()).toBe('app\nreader\n');

    await target.run('psql', '-U', 'app', '-d', 'shop', '-c', 'UPDATE t SET a = 5000 WHERE a = 1000');
    expect(await recover('second')).toMatchObject({ left: expect.stringMatching(/something in database .*shop/) as unknown });
    expect(await rows('shop')).toBe('1000|5000\n');
    expect(await recover('third', { inPlace: true })).toStrictEqual({ warnings: [] });
    expect(await rows('shop')).toBe('1000|1000\n');
  });

  it('waits for a server that is only being set up, and begins again when it is started anew while it is loaded', async () => {
    const source = await server();
    await source.run('psql', '-U', 'app', '-d', 'shop', '-c', 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1000)');
    const plugin = postgresPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source, { 'holdfast.dev/postgres-mode': 'dump' });
    const { state } = await plugin.quiesce(task, kept.context);
    expect(plugin.needsRecovery!(task, state)).toBe(true);

    // As an image makes its database.
    const settings = ['listen_addresses='];
    const target = await server({ settings });
    const context = recoverContext(target, kept, 'run');
    let isAsked = false;
    const slow: RecoverContext['read'] = async function* (name) {
      isAsked = true;
      yield* context.read(name);
      if (!name.includes('shop')) return;
      await target.stop('SIGQUIT');
      await target.start();
      throw new HoldfastError('Conflict', 'the connection was cut');
    };
    const attempt = plugin.recover!(task, state, { ...context, read: slow });
    const failed = expect(attempt).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringContaining('started anew') as unknown,
    });
    await sleep(2_500);
    expect(isAsked).toBe(false);
    await target.stop();
    settings.length = 0;
    await target.start();
    await failed;
    expect(await plugin.recover!(task, state, context)).toStrictEqual({ warnings: [] });
    expect(await target.run('psql', '-U', 'app', '-d', 'shop', '-Atc', 'SELECT max(a) FROM t')).toBe('1000\n');
  });

  it('keeps nothing of a dump that fails', async () => {
    const source = await server();
    await source.run('psql', '-U', 'app', '-d', 'postgres', '-c', 'CREATE ROLE weak LOGIN');
    await source.run('psql', '-U', 'app', '-d', 'shop', '-c', 'CREATE TABLE secret (a int); REVOKE ALL ON secret FROM PUBLIC');
    const kept = pluginContext(source.cluster);
    const task = planned(source, { 'holdfast.dev/postgres-mode': 'dump', 'holdfast.dev/postgres-user': 'weak' });
    await expect(postgresPlugin().quiesce(task, kept.context)).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringMatching(/postgres of shop\/db-0: pg_dumpall? failed: .*permission denied/) as unknown,
    });
    expect(kept.streams.size).toBe(0);
  });

  it('a checkpoint leaves nothing behind, and a server that refuses is named with its words', async () => {
    const source = await server();
    const plugin = postgresPlugin();
    const { context } = pluginContext(source.cluster);
    const checkpoint = planned(source, { 'holdfast.dev/postgres-mode': 'checkpoint' });
    expect(checkpoint.guarantee).toBe('crash');
    const state = stateOf(checkpoint, await plugin.quiesce(checkpoint, context));
    expect(await plugin.release(checkpoint, state, context)).not.toHaveProperty('broken');

    const unknown = planned(source, { 'holdfast.dev/postgres-user': 'nobody-such' });
    await expect(plugin.quiesce(unknown, context)).rejects.toMatchObject({
      message: expect.stringContaining('role "nobody-such" does not exist') as unknown,
    });
    const elsewhere = { ...planned(source), settings: { ...planned(source).settings, mounts: [] } };
    await expect(plugin.quiesce(elsewhere, context)).rejects.toMatchObject({
      message: expect.stringContaining('is in no claim of the container') as unknown,
    });
    await until(async () => (await source.run('psql', '-U', 'app', '-d', 'shop', '-Atc', BACKENDS)) === '0\n');
  });

  it('gives the password of the environment, and no word of it to anybody who lists processes', async () => {
    const source = await server({ env: { POSTGRES_PASSWORD: 'the-secret-word' } });
    const { context } = pluginContext(source.cluster);
    const plugin = postgresPlugin();
    await source.run('psql', '-U', 'app', '-d', 'shop', '-c', "ALTER ROLE app PASSWORD 'the-secret-word'");
    await writeFile(join(source.volume, 'pgdata', 'pg_hba.conf'), 'local all all scram-sha-256\n');
    await source.stop();
    await source.start();
    const task = planned(source);
    const state = stateOf(task, await plugin.quiesce(task, context));
    const { stdout } = await run('ps', ['-eo', 'args']);
    expect(stdout).toContain('psql --no-psqlrc');
    expect(stdout).not.toContain('the-secret-word');
    await plugin.release(task, state, context);
  });
});

const BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast' AND backend_type = 'client backend'";
/** Rows, the highest number, rows whose parts do not belong together, numbers without a gap. */
const CHECK_ROWS = `SELECT count(*), max(n), count(*) FILTER (WHERE filler <> repeat(md5(n::text), 20)), count(DISTINCT n) FROM rows`;

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    if (await holds()) return;
    await sleep(100);
  }
  throw new Error('it did not come to hold within 10 s');
}
