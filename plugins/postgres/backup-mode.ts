import { createHash } from 'node:crypto';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext } from '../plugin.ts';
import { taskFailure, taskWarning } from '../task.ts';
import { PsqlSession } from './psql-session.ts';
import { firstSegment, missingSegments, walListing, type WalRange } from './wal.ts';

/** The server since when there is idle_session_timeout, by which it ends a session that nobody renews: the lease. */
const HAS_SESSION_LEASE = 140_000;
/** The server since when the functions have their present names. */
const HAS_PRESENT_NAMES = 150_000;

/** What a stopped backup needs to start from. */
export interface StoppedBackup {
  readonly label: string;
  /** '' without tablespaces. */
  readonly tablespaceMap: string;
  readonly wal: WalRange;
}

/**
 * A session in PostgreSQL's non-exclusive backup mode. Files that are copied between `begin` and `stop` are a backup, together with the
 * write-ahead log from its first to its last segment, which a temporary slot keeps from being recycled until the session ends.
 */
export class BackupMode {
  readonly #task: QuiesceTask;
  readonly #session: PsqlSession;
  #facts: JsonObject = {};
  #stopped: StoppedBackup | undefined;
  #warnings: readonly Issue[] = [];

  private constructor(task: QuiesceTask, session: PsqlSession) {
    this.#task = task;
    this.#session = session;
  }

  /** Opens a session and begins the backup in it. A replica's session is only looked at: `isReplica`. */
  static async begin(task: QuiesceTask, context: PluginContext): Promise<BackupMode> {
    const backup = new BackupMode(task, new PsqlSession(task, context));
    try {
      await backup.#begin(context);
      return backup;
    } catch (error) {
      backup.close();
      throw error;
    }
  }

  /** Names the session and its server: pid, start, version, folder, replica. */
  get facts(): JsonObject {
    return this.#facts;
  }

  get warnings(): readonly Issue[] {
    return this.#warnings;
  }

  get isReplica(): boolean {
    return field(this.#facts, 'replica') === true;
  }

  get isAlive(): boolean {
    return this.#session.isAlive;
  }

  get folder(): string {
    return textAt(this.#facts, 'folder');
  }

  /** Whether this is the session that a state speaks of. */
  isOf(state: JsonObject): boolean {
    return field(state, 'pid') === field(this.#facts, 'pid') && textAt(state, 'start') === textAt(this.#facts, 'start');
  }

  /** Shows the server that somebody is there. Rejects when the session has ended. */
  async renew(signal: AbortSignal): Promise<void> {
    await this.#session.query("SELECT '1'", signal);
  }

  /** Ends the backup; the session stays, and keeps the log. The same again when it is asked again. */
  async stop(signal: AbortSignal): Promise<StoppedBackup> {
    if (this.#stopped) return this.#stopped;
    // Nobody needs to wait for an archive: we keep the log ourselves, and a failing archive_command must not hold us for ever.
    const call = this.#version >= HAS_PRESENT_NAMES ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
    const columns = "'label', labelfile, 'map', spcmapfile, 'last', pg_walfile_name(lsn)";
    const answer = await this.#session.query(`SELECT json_build_object(${columns}) FROM ${call}`, signal);
    const label = textAt(answer, 'label');
    const wal = { first: firstSegment(label), last: textAt(answer, 'last') };
    this.#stopped = { label, tablespaceMap: textAt(answer, 'map'), wal };
    return this.#stopped;
  }

  /** Rejects when the server has not kept every segment. */
  async checkLog(wal: WalRange, signal: AbortSignal): Promise<void> {
    const missing = missingSegments(wal, await this.#session.query(walListing(wal), signal));
    if (missing === 0) return;
    const advice = 'let the server have a replication slot more (max_replication_slots), or set wal_keep_size';
    throw taskFailure(this.#task, `the server has thrown away ${missing} segments of the write-ahead log during the capture`, advice);
  }

  close(): void {
    this.#session.close();
  }

  get #version(): number {
    const version = field(this.#facts, 'version');
    return typeof version === 'number' ? version : 0;
  }

  async #begin(context: PluginContext): Promise<void> {
    const { signal } = context;
    const facts = await this.#session.query(FACTS, signal);
    this.#facts = facts as JsonObject;
    if (this.isReplica) return;
    await this.#session.query('SET statement_timeout = 0', signal);
    await this.#session.query('SET lock_timeout = 0', signal);
    if (this.#version >= HAS_SESSION_LEASE) {
      await this.#session.query(`SET idle_session_timeout = '${this.#task.leaseSeconds}s'`, signal);
    }
    await this.#reserveLog(context);
    const label = "'holdfast'";
    const call = this.#version >= HAS_PRESENT_NAMES ? `pg_backup_start(${label}, true)` : `pg_start_backup(${label}, true, false)`;
    await this.#session.query(`SELECT to_json(${call}::text)`, signal);
  }

  async #reserveLog({ run, signal }: PluginContext): Promise<void> {
    const slot = `holdfast_${createHash('sha256').update(`${run} ${this.#task.id}`).digest('hex').slice(0, 16)}_`;
    try {
      // The pid is a part of the name: an attempt before us may not have ended yet.
      await this.#session.query(
        `SELECT to_json(pg_create_physical_replication_slot('${slot}' || pg_backend_pid(), true, true)::text)`,
        signal,
      );
    } catch (error) {
      if (!this.isAlive || !(error instanceof HoldfastError)) throw error;
      const problem = `the write-ahead log cannot be reserved: ${error.message}`;
      const advice = 'raise max_replication_slots, or set wal_keep_size to what is written during a backup';
      this.#warnings = [taskWarning(this.#task, { code: 'LogNotReserved', problem, advice })];
    }
  }
}

const FACTS = `SELECT json_build_object('version', current_setting('server_version_num')::int, 'pid', pg_backend_pid(),
  'start', (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),
  'replica', pg_is_in_recovery(), 'folder', current_setting('data_directory'))`.replace(/\s+/g, ' ');
