import type { Json } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import { HeldSession } from '../held-session.ts';
import type { PluginContext } from '../plugin.ts';
import { describeTask, placeOf, taskFailure } from '../task.ts';
import { clientCommand, PSQL } from './client-command.ts';

/** One session with the server, through psql in its container. Statements are ours alone: nothing of a user's is put into their text. */
export class PsqlSession {
  readonly #task: QuiesceTask;
  readonly #session: HeldSession;
  #statements = 0;

  /** `database` in place of the one that the task names. */
  constructor(task: QuiesceTask, { cluster }: Pick<PluginContext, 'cluster'>, database = '') {
    this.#task = task;
    this.#session = new HeldSession(cluster, { ...placeOf(task), command: clientCommand(task, PSQL, database) }, describeTask(task));
  }

  get isAlive(): boolean {
    return this.#session.isAlive;
  }

  /**
   * The one value that a statement gives, as JSON; null when it gives none. `Conflict` with the server's words when the statement fails; as the
   * session's end otherwise.
   */
  async query(statement: string, signal: AbortSignal): Promise<Json> {
    this.#statements += 1;
    const mark = `holdfast-${this.#statements}`;
    // psql keeps the outcome of the last statement in variables, which :'NAME' quotes. One line each, whatever is in it: it is JSON.
    const report = `SELECT json_build_object('mark', '${mark}', 'error', :'ERROR', 'message', :'LAST_ERROR_MESSAGE')`;
    const isReport = (line: string) => line.startsWith('{"mark"') && line.includes(`"${mark}"`);
    const lines = await this.#session.ask(`${statement};\n${report};\n`, isReport, signal);
    const outcome = parseLossless(lines.at(-1) ?? 'null');
    if (field(outcome, 'error') !== 'false') {
      throw taskFailure(
        this.#task,
        `PostgreSQL refuses: ${textAt(outcome, 'message')}`,
        'docs/plugins/postgres.md says which rights it needs',
      );
    }
    const [value = 'null'] = lines.slice(0, -1).filter((line) => line !== '');
    return parseLossless(value);
  }

  /** Ends the session; the server then ends its backup mode and frees its temporary slot. */
  close(): void {
    this.#session.close();
  }
}
