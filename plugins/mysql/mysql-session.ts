import type { QuiesceTask } from '../../contracts/quiesce.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { HeldSession } from '../held-session.ts';
import { describeTask, placeOf } from '../task.ts';
import { clientCommand } from './client-command.ts';

/** Prints rows bare, one a line and columns apart by tabs, at once; ends at the first error, and never connects a second time. */
const WORDS = ['--batch', '--skip-column-names', '--unbuffered', '--skip-reconnect', '--connect-timeout=10'] as const;

/** One session with the server, through its client in the container. Statements are ours alone: nothing of a user's is put into their text. */
export class MysqlSession {
  readonly #session: HeldSession;
  #statements = 0;

  constructor(task: QuiesceTask, { cluster }: { readonly cluster: Cluster }) {
    this.#session = new HeldSession(cluster, { ...placeOf(task), command: clientCommand(task, 'client', WORDS) }, describeTask(task));
  }

  get isAlive(): boolean {
    return this.#session.isAlive;
  }

  /** The rows of a statement, each with its columns. Rejects as the session's end when the statement fails: with the server's words. */
  async query(statement: string, signal: AbortSignal): Promise<readonly (readonly string[])[]> {
    this.#statements += 1;
    const mark = `holdfast-${this.#statements}`;
    const lines = await this.#session.ask(`${statement};\nSELECT '${mark}';\n`, (line) => line === mark, signal);
    return lines.slice(0, -1).map((line) => line.split('\t'));
  }

  /** The first column of the first row; '' when there is none, or it is NULL. */
  async value(expression: string, signal: AbortSignal): Promise<string> {
    const [[value = ''] = []] = await this.query(`SELECT IFNULL(${expression}, '')`, signal);
    return value;
  }

  /** Ends the session; the server then lets go of its locks. */
  close(): void {
    this.#session.close();
  }
}
