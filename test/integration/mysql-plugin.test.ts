import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import type { VolumeMethod } from '../../contracts/volume.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { mysqlPlugin } from '../../plugins/mysql/mysql.ts';
import type { RecoverContext } from '../../plugins/plugin.ts';
import { mariadbServer, type MariadbServer } from '../support/mariadb-server.ts';
import { pluginContext, pod, stateOf, type KeptStreams } from '../support/plugin-context.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(options: Parameters<typeof mariadbServer>[0] = {}): Promise<MariadbServer> {
  const started = await mariadbServer(options);
  cleanups.push(() => started.remove());
  return started;
}

function planned(source: MariadbServer, method: VolumeMethod, more: Partial<QuiesceTask> = {}): QuiesceTask {
  const database = pod('db-0', {
    image: 'docker.io/library/mariadb:10.11',
    mountPath: source.volume,
    annotations: { 'holdfast.dev/mysql-data-path': source.volume },
  });
  const [task] = mysqlPlugin().plan({ namespace: 'shop', pods: [database], workloads: [], claims: [], methods: { data: method } });
  return { ...task!, ...more };
}

const SCHEMA = `
CREATE DATABASE shop; USE shop;
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT, data BLOB) ENGINE=InnoDB;
CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, order_id INT) ENGINE=InnoDB;
CREATE VIEW big AS SELECT id FROM orders WHERE id > 100;
CREATE TRIGGER logged AFTER INSERT ON orders FOR EACH ROW INSERT INTO log (order_id) VALUES (NEW.id);
CREATE PROCEDURE add_one() INSERT INTO orders (note) VALUES ('one');
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM log;
CREATE USER app@'%' IDENTIFIED BY 'of the app'; GRANT ALL ON shop.* TO app@'%';
INSERT INTO orders (note, data) SELECT CONCAT('Grüße 🚀 ', seq), UNHEX(MD5(seq)) FROM seq_1_to_500;
`;
const SUM = `SELECT COUNT(*), MD5(GROUP_CONCAT(id, note, HEX(data) ORDER BY id)) FROM shop.orders;
  SELECT COUNT(*) FROM shop.log; SELECT * FROM shop.big LIMIT 1;
  SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'shop';
  SELECT event_name FROM information_schema.events; SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'shop';
  SHOW GRANTS FOR app@'%'`;
const TABLES = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'";
const sumOf = (one: MariadbServer) => one.sql(`SET SESSION group_concat_max_len = 10000000; ${SUM}`);

function recoverContext({ cluster }: MariadbServer, { context, streams }: KeptStreams): RecoverContext {
  const { run, signal, beat } = context;
  async function* read(name: string): AsyncGenerator<Buffer> {
    yield await Promise.resolve(streams.get(name)!);
  }
  return { cluster, run, signal, beat, read, inPlace: false, options: {} };
}

/** Writes until it is stopped: each row twice in one transaction. */
function startWriter(target: MariadbServer): { stop(): Promise<number> } {
  const stopping = new AbortController();
  const work = (async () => {
    let written = 0;
    while (!stopping.signal.aborted) {
      await target.sql(
        `START TRANSACTION; INSERT INTO shop.orders (note) VALUES ('w'); INSERT INTO shop.orders (note) VALUES ('w'); COMMIT`,
      );
      written += 1;
    }
    return written;
  })();
  return {
    stop: () => {
      stopping.abort();
      return work;
    },
  };
}

/** A cluster whose connections are never ended from our side. */
function deaf({ cluster }: MariadbServer): Cluster {
  async function* endless(stdin: AsyncIterable<Uint8Array> = fromNothing()): AsyncGenerator<Uint8Array> {
    yield* stdin;
    await new Promise(() => undefined);
  }
  return { ...cluster, exec: ({ stdin, ...request }) => cluster.exec({ ...request, stdin: endless(stdin) }) };
}

async function* fromNothing(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield* [];
}

describe('the mysql plugin with a real server', () => {
  it('dumps everything while it is written to, and loads it into a new server', async () => {
    const source = await server({ options: ['--log-bin'] });
    // Between the tables log and orders in the dump: it takes a while, and the rows of both have to fit all the same.
    await source.sql(`${SCHEMA} CREATE TABLE shop.middle SELECT seq, MD5(seq) FROM shop.seq_1_to_300000;`);
    const writer = startWriter(source);
    const plugin = mysqlPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source, 'file-system');
    expect(task).toMatchObject({ claims: [], replaces: ['data'], guarantee: 'application' });
    const outcome = await plugin.quiesce(task, kept.context);
    expect(await writer.stop()).toBeGreaterThan(0);
    expect(outcome).toMatchObject({ state: { mode: 'dump', tables: 3 }, warnings: [] });
    expect(await plugin.release(task, stateOf(task, outcome), kept.context)).toMatchObject({ warnings: [] });
    expect(JSON.stringify([source.cluster.commands, outcome])).not.toContain('cret $of');

    const target = await server();
    const state = stateOf(task, outcome).state;
    const moved = planned(target, 'file-system');
    expect(await plugin.recover!(moved, state, recoverContext(target, kept))).toEqual({ warnings: [] });
    const [orders, logged] = (await target.sql('SELECT COUNT(*) FROM shop.orders; SELECT COUNT(*) FROM shop.log')).split('\n');
    expect(logged).toBe(orders);
    expect(Number(orders) % 2).toBe(0);
    const wanted = (await sumOf(source)).split('\n').slice(2);
    expect((await sumOf(target)).split('\n').slice(2)).toEqual(wanted);
    expect(await target.sql("SHOW DATABASES LIKE 'holdfast%'")).toBe('');

    await target.sql('DELETE FROM shop.orders');
    expect((await plugin.recover!(moved, state, recoverContext(target, kept))).left).toMatch(/3 tables/);
    expect(await target.sql('SELECT COUNT(*) FROM shop.orders')).toBe('0\n');
    await plugin.recover!(moved, state, { ...recoverContext(target, kept), inPlace: true });
    expect(Number(await target.sql('SELECT COUNT(*) FROM shop.orders'))).toBeGreaterThanOrEqual(500);
  }, 120_000);

  it('loads again what was loaded half, and says why it cannot load', async () => {
    const source = await server();
    await source.sql(SCHEMA);
    const plugin = mysqlPlugin();
    const kept = pluginContext(source.cluster);
    const task = planned(source, 'file-system');
    const { state } = stateOf(task, await plugin.quiesce(task, kept.context));
    const target = await server();
    const whole = kept.streams.get('all-databases.sql')!;
    const context = recoverContext(target, kept);
    const begin = whole.subarray(0, whole.indexOf('INSERT INTO `orders`'));
    async function* broken(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(begin);
      while ((await target.sql(TABLES)) === '0\n') await sleep(50);
      target.cluster.breakConnections();
    }
    await expect(plugin.recover!(planned(target, 'file-system'), state, { ...context, read: broken })).rejects.toMatchObject({
      type: 'Unavailable',
    });
    // To another run these tables are somebody's.
    expect((await plugin.recover!(planned(target, 'file-system'), state, { ...context, run: 'another' })).left).toMatch(/tables/);
    await plugin.recover!(planned(target, 'file-system'), state, context);
    expect(await sumOf(target)).toBe(await sumOf(source));

    async function* nonsense(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.from('nonsense;\n'));
    }
    const inPlace = { ...context, inPlace: true, read: nonsense };
    await expect(plugin.recover!(planned(target, 'file-system'), state, inPlace)).rejects.toThrow(/cannot be loaded.*nonsense/);
    expect(await target.sql("SHOW DATABASES LIKE 'holdfast%'")).toBe('');
  }, 120_000);

  it('holds a lock under a snapshot, from which another server starts with every row that was committed before', async () => {
    const source = await server({ options: ['--log-bin', '--server-id=7'] });
    await source.sql(`${SCHEMA} CREATE TABLE shop.old (id INT) ENGINE=MyISAM; INSERT INTO shop.old VALUES (1), (2);`);
    const plugin = mysqlPlugin();
    const { context } = pluginContext(source.cluster);
    const task = planned(source, 'csi-snapshot');
    expect(task).toMatchObject({ claims: ['data'], guarantee: 'crash' });
    const outcome = await plugin.quiesce(task, context);
    expect(outcome.state).toMatchObject({
      mode: 'lock',
      position: { file: expect.stringMatching(/bin\.\d+/), gtid: expect.stringMatching(/^0-7-/) },
    });
    expect(await plugin.quiesce(task, context)).toEqual(outcome);
    let isWritten = false;
    const writing = source.sql("INSERT INTO shop.orders (note) VALUES ('after')").then(() => (isWritten = true));
    await plugin.renew(task, stateOf(task, outcome), context);
    // Everybody waits: what is a snapshot in a cluster is here a copy of files that nobody writes rows to.
    const volume = `${source.volume}-snapshot`;
    await promisify(execFile)('cp', ['-a', source.volume, volume]);
    expect(isWritten).toBe(false);
    expect(await plugin.release(task, stateOf(task, outcome), context)).toEqual({ state: outcome.state, warnings: [] });
    await writing;
    const restored = await server({ volume, options: ['--log-bin', '--server-id=7'] });
    expect(
      await restored.sql(
        "SELECT COUNT(*) FROM shop.orders; SELECT COUNT(*) FROM shop.orders WHERE note = 'after'; SELECT COUNT(*) FROM shop.old",
      ),
    ).toBe('500\n0\n2\n');
  }, 120_000);

  it('lets go of the lock when its connection breaks, or nobody renews it, and says so', async () => {
    const source = await server();
    await source.sql(SCHEMA);
    const plugin = mysqlPlugin();
    const { context } = pluginContext(source.cluster);
    const insert = () => source.sql("INSERT INTO shop.orders (note) VALUES ('x')");
    const task = planned(source, 'csi-snapshot');
    const first = await plugin.quiesce(task, context);
    source.cluster.breakConnections();
    await insert();
    expect(await plugin.release(task, stateOf(task, first), context)).toMatchObject({ broken: true, warnings: [{ code: 'QuiesceLost' }] });

    const short = { ...task, leaseSeconds: 1 };
    // Whatever becomes of the connection and of who holds it, the server itself lets go.
    const second = await mysqlPlugin().quiesce(short, pluginContext(deaf(source), 'run-2').context);
    await insert();
    await expect(plugin.renew(short, stateOf(short, second), context)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await mysqlPlugin().release(short, stateOf(short, second), context)).toMatchObject({ broken: true });
  }, 120_000);

  it('does not wait for ever behind a statement of somebody, and lets go', async () => {
    const source = await server();
    await source.sql(SCHEMA);
    const long = source.sql('UPDATE shop.log SET order_id = SLEEP(1000)').catch(() => undefined);
    const sleeping = () => source.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE shop.log%'");
    while ((await sleeping()) === '') await sleep(50);
    const task = planned(source, 'csi-snapshot', { timeoutSeconds: 3 });
    await expect(mysqlPlugin().quiesce(task, pluginContext(source.cluster).context)).rejects.toMatchObject({ type: 'Conflict' });
    await source.sql('INSERT INTO shop.log (order_id) VALUES (1)');
    await source.sql(`KILL ${(await sleeping()).trim()}`);
    await long;
  }, 120_000);

  it('names tables that a dump cannot see at one moment, a wrong data folder, and a password that is not there', async () => {
    const source = await server();
    await source.sql('CREATE DATABASE shop; CREATE TABLE shop.old (id INT) ENGINE=MyISAM');
    const { context } = pluginContext(source.cluster);
    const task = planned(source, 'file-system');
    expect((await mysqlPlugin().quiesce(task, context)).warnings).toMatchObject([
      { code: 'NotTransactional', message: expect.stringContaining('shop.old') },
    ]);
    const elsewhere: JsonObject = { ...task.settings, dataClaims: ['other'] };
    await expect(mysqlPlugin().quiesce({ ...task, settings: elsewhere }, context)).rejects.toMatchObject({
      type: 'BadInput',
      advice: expect.stringContaining(source.volume),
    });
    const nobody: JsonObject = { ...task.settings, passwordEnv: 'NOT_THERE' };
    await expect(mysqlPlugin().quiesce({ ...task, settings: nobody }, context)).rejects.toThrow(/Access denied/);
  }, 60_000);
});
