import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { listAt } from '../../domain/resource/fields.ts';
import { locateInClaims, readMounts } from '../pod-containers.ts';
import { describeTask } from '../task.ts';
import type { MysqlSession } from './mysql-session.ts';

/** Schemas that are the server's own. */
const OWN = "('mysql', 'information_schema', 'performance_schema', 'sys')";
const USER_TABLES = `FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ${OWN}`;

/** Where the server is in its binary log; empty without one. */
export interface LogPosition extends JsonObject {
  readonly file: string;
  readonly position: string;
  /** As the server writes it. */
  readonly gtid: string;
}

interface ServerVersion {
  readonly text: string;
  readonly isMariadb: boolean;
  /** 80402 for 8.4.2. */
  readonly number: number;
}

export async function versionOf(session: MysqlSession, signal: AbortSignal): Promise<ServerVersion> {
  const text = await session.value('VERSION()', signal);
  const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return { text, isMariadb: /mariadb/i.test(text), number: Number(major) * 10_000 + Number(minor) * 100 + Number(patch) };
}

export async function positionOf(session: MysqlSession, version: ServerVersion, signal: AbortSignal): Promise<LogPosition> {
  const isRenamed = !version.isMariadb && version.number >= 80_200;
  const [[file = '', position = ''] = []] = await session.query(isRenamed ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS', signal);
  const gtid = await session.value(version.isMariadb ? '@@GLOBAL.gtid_binlog_pos' : '@@GLOBAL.gtid_executed', signal);
  return { file, position, gtid };
}

export async function isReplica(session: MysqlSession, version: ServerVersion, signal: AbortSignal): Promise<boolean> {
  const isRenamed = !version.isMariadb && version.number >= 80_022;
  return (await session.query(isRenamed ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS', signal)).length > 0;
}

/** Tables of users. */
export async function countTables(session: MysqlSession, signal: AbortSignal): Promise<number> {
  return Number(await session.value(`(SELECT COUNT(*) ${USER_TABLES})`, signal));
}

/** Tables of users that no transaction protects: a dump does not see them at one moment. Up to five, `schema.table`. */
export async function unprotectedTables(session: MysqlSession, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await session.query(
    `SELECT CONCAT(table_schema, '.', table_name) ${USER_TABLES} AND engine NOT IN ('InnoDB', 'ROCKSDB', 'MEMORY', 'BLACKHOLE') LIMIT 5`,
    signal,
  );
  return rows.map(([name = '']) => name);
}

/** `BadInput` when the data does not lie where the plan took it to be: the wrong claims would be left out of the backup. */
export async function checkDataFolder(task: QuiesceTask, session: MysqlSession, signal: AbortSignal): Promise<void> {
  const folder = (await session.value('@@datadir', signal)).replace(/(.)\/+$/, '$1');
  const claim = locateInClaims(readMounts(task.settings), folder)?.claim;
  if (claim !== undefined && listAt(task.settings, 'dataClaims').includes(claim)) return;
  throw new HoldfastError(
    FailureType.BadInput,
    `${describeTask(task)}: its data folder ${folder} is not where its pod seems to keep data`,
    {
      advice: `set the annotation holdfast.dev/mysql-data-path to ${folder}`,
    },
  );
}
