import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import type { RecoverContext } from '../../plugins/plugin.ts';
import { timescaledbPlugin } from '../../plugins/timescaledb/timescaledb.ts';
import { pluginContext, pod, stateOf, type KeptStreams } from '../support/plugin-context.ts';
import { postgresServer, type PostgresServer } from '../support/postgres-server.ts';
import { timescaleStub } from '../support/timescale-stub.ts';

/** The extension is a stub of ours that writes down who calls it; the server, its dumps and everything else are real. */
describe('the timescaledb plugin with a real server and a stub of the extension', () => {
  let stub: Awaited<ReturnType<typeof timescaleStub>>;
  const servers: PostgresServer[] = [];
  const plugin = timescaledbPlugin();

  beforeAll(async () => {
    stub = await timescaleStub();
  }, 60_000);

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.remove();
  });

  afterAll(async () => {
    await stub.remove();
  });

  async function serverWith(script: string): Promise<PostgresServer> {
    const server = await postgresServer({ bin: stub.bin, settings: ['fsync=off', 'log_statement=ddl', 'log_min_messages=log'] });
    servers.push(server);
    await sql(server, script);
    return server;
  }

  const sql = (server: PostgresServer, script: string, database = 'shop') =>
    server.run('psql', '-U', 'app', '-d', database, '-v', 'ON_ERROR_STOP=1', '-qAtc', script);

  const SCHEMA = `CREATE EXTENSION timescaledb VERSION '2.10.3'; CREATE ROLE reader; CREATE TABLE metrics (at int PRIMARY KEY, value text);
    INSERT INTO metrics SELECT n, md5(n::text) FROM generate_series(1, 5000) n; GRANT SELECT ON metrics TO reader`;
  const SUM =
    "SELECT count(*), md5(string_agg(at || value, ',' ORDER BY at)), has_table_privilege('reader', 'metrics', 'SELECT') FROM metrics";

  /** What the stub was called for, and where the tables were made in between. */
  const callsOf = (server: PostgresServer) =>
    server
      .log()
      .split('\n')
      .flatMap((line) => {
        const call = /stub (\S+: \w+ in \w+)/.exec(line)?.[1];
        const made = /statement: CREATE TABLE public\.metrics/.test(line) ? 'the table is made' : undefined;
        return call ?? made ?? [];
      });

  async function dumped(source: PostgresServer) {
    const kept = pluginContext(source.cluster);
    const task = planned(source);
    const outcome = await plugin.quiesce(task, kept.context);
    const state = stateOf(task, outcome);
    await plugin.release(task, state, kept.context);
    return { kept, state: state.state };
  }

  it('dumps while the workers are stopped, and restores into the same version between its preparations', async () => {
    const source = await serverWith(SCHEMA);
    const { kept, state } = await dumped(source);
    expect(state).toMatchObject({ mode: 'dump', timescale: [{ name: 'shop', extension: '2.10.3', owner: 'app', encoding: 'UTF8' }] });
    expect(callsOf(source).slice(-2)).toEqual(['2.10.3: stop_background_workers in shop', '2.10.3: start_background_workers in shop']);

    // As the image makes it: the newest version is there before anybody has asked.
    const target = await serverWith('CREATE EXTENSION timescaledb');
    expect(await plugin.recover!(planned(target), state, recoverContext(target, kept))).toEqual({ warnings: [] });
    expect(callsOf(target)).toEqual([
      '2.10.3: timescaledb_pre_restore in shop',
      'the table is made',
      '2.10.3: timescaledb_post_restore in shop',
      '2.10.3: start_background_workers in shop',
    ]);
    expect(await sql(target, SUM)).toBe(await sql(source, SUM));
    expect(await sql(target, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")).toBe('2.10.3\n');
    expect(await sql(target, "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'metrics'")).toBe('t\n');
    expect(await sql(target, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast%'")).toBe('');
  }, 120_000);

  it('leaves what somebody has made, drops it in place, and begins again what was cut off', async () => {
    const source = await serverWith(SCHEMA);
    const { kept, state } = await dumped(source);
    const target = await serverWith('CREATE TABLE mine (id int)');
    expect((await plugin.recover!(planned(target), state, recoverContext(target, kept))).left).toMatch(/database shop/);
    expect(await sql(target, 'SELECT count(*) FROM mine')).toBe('0\n');

    const broken = { ...recoverContext(target, kept), inPlace: true, read: halfOf(target, kept) };
    await expect(plugin.recover!(planned(target), state, broken)).rejects.toMatchObject({ type: 'Unavailable' });
    expect(await plugin.recover!(planned(target), state, recoverContext(target, kept))).toEqual({ warnings: [] });
    expect(await sql(target, SUM)).toBe(await sql(source, SUM));
    expect(callsOf(target).at(-1)).toBe('2.10.3: start_background_workers in shop');
  }, 120_000);

  it('starts the workers when a dump fails, and when it was cut off', async () => {
    const source = await serverWith('CREATE EXTENSION timescaledb');
    const { context } = pluginContext(source.cluster);
    const failing = { ...context, keep: () => Promise.reject(new Error('the repository is gone')) };
    await expect(plugin.quiesce(planned(source), failing)).rejects.toThrow('the repository is gone');
    const both = ['2.17.2: stop_background_workers in shop', '2.17.2: start_background_workers in shop'];
    expect(callsOf(source)).toEqual(both);
    await plugin.release(planned(source), undefined, context);
    expect(callsOf(source)).toEqual([...both, '2.17.2: start_background_workers in shop']);
  }, 120_000);

  it('takes files in backup mode as PostgreSQL does', async () => {
    const source = await serverWith(SCHEMA);
    const kept = pluginContext(source.cluster);
    const task = planned(source, {});
    expect(task).toMatchObject({ claims: ['data'], guarantee: 'application', settings: { mode: 'backup-mode' } });
    const outcome = await plugin.quiesce(task, kept.context);
    const released = await plugin.release(task, stateOf(task, outcome), kept.context);
    expect(released.putBack).toContainEqual(expect.objectContaining({ path: 'pgdata/backup_label' }));
    expect(kept.streams.has('wal.tar')).toBe(true);
  }, 120_000);

  function planned(server: PostgresServer, annotations: Record<string, string> = { 'holdfast.dev/postgres-mode': 'dump' }): QuiesceTask {
    const database = pod('db-0', { image: 'timescale/timescaledb:2.10.3-pg15', mountPath: server.volume, annotations });
    const [task] = plugin.plan({ namespace: 'shop', pods: [database], workloads: [], claims: [], methods: {} });
    return task!;
  }
});

function recoverContext({ cluster }: PostgresServer, { context, streams }: KeptStreams): RecoverContext {
  const { run, signal, beat } = context;
  async function* read(name: string): AsyncGenerator<Buffer> {
    yield await Promise.resolve(streams.get(name)!);
  }
  return { cluster, run, signal, beat, read, inPlace: false, options: {} };
}

/** A connection that breaks in the middle of the database. */
function halfOf(target: PostgresServer, { streams }: KeptStreams): RecoverContext['read'] {
  return async function* (name) {
    const whole = streams.get(name)!;
    yield await Promise.resolve(name.includes('shop') ? whole.subarray(0, whole.length - 50_000) : whole);
    if (name.includes('shop')) target.cluster.breakConnections();
  };
}
