import { StringDecoder } from 'node:string_decoder';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Cluster, ExecResult } from '../kubernetes/port.ts';
import { briefly } from '../domain/text/briefly.ts';
import { type TaskPlace } from './task.ts';

/** A line that is longer is none of a database client's answers to us. */
const LONGEST_LINE = 64 * 1024 * 1024;

/**
 * A program in a container that reads lines and answers with lines, kept running for as long as its connection lives: what it holds (a backup
 * mode, a lock) is let go by its server when the connection ends, in whatever way.
 */
export class HeldSession {
  readonly #input = new InputQueue();
  readonly #stop = new AbortController();
  readonly #what: string;
  #question: Question | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #end: HoldfastError | undefined;
  #rest = '';

  /** `what` begins messages: `postgres of shop/db-0`. */
  constructor(cluster: Cluster, command: TaskPlace & { readonly command: readonly string[] }, what: string) {
    this.#what = what;
    const decoder = new StringDecoder('utf8');
    const onStdout = (chunk: Buffer) => {
      this.#read(decoder.write(chunk));
    };
    cluster.exec({ ...command, stdin: this.#input.read(), onStdout }, { signal: this.#stop.signal }).then(
      (result) => {
        this.#ended(endOf(result), FailureType.Conflict);
      },
      (error: unknown) => {
        const isOurs = error instanceof HoldfastError;
        this.#ended(error instanceof Error ? error.message : String(error), isOurs ? error.type : FailureType.Unavailable);
      },
    );
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  /**
   * Writes text and gives the lines of the answer up to and with the one for which `isLast` holds. One question at a time, in the order they
   * were asked. Rejects when the program has ended, saying how, and with the signal's reason, which ends the program too: its answer would be
   * taken for that to the next question.
   */
  ask(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<readonly string[]> {
    const answer = this.#queue.then(() => this.#askNow(text, isLast, signal));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the program at once. What it held is let go by its server. */
  close(): void {
    this.#input.end();
    this.#ended('the session was closed', FailureType.Conflict);
    this.#stop.abort(new Error('the session was closed'));
  }

  async #askNow(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    if (this.#end) throw this.#end;
    const abort = () => {
      this.close();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<readonly string[]>((resolve, reject) => {
        this.#question = { lines: [], isLast, resolve, reject };
        this.#input.push(Buffer.from(text));
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      this.#question = undefined;
      signal.removeEventListener('abort', abort);
    }
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE) this.close();
    for (const line of lines) {
      const question = this.#question;
      question?.lines.push(line);
      if (question?.isLast(line) === true) question.resolve(question.lines);
    }
  }

  #ended(how: string, type: FailureType): void {
    this.#end ??= new HoldfastError(type, `${this.#what}: ${how}`, { advice: 'docs/plugins.md says what the plugin needs in the pod' });
    this.#input.end();
    this.#question?.reject(this.#end);
  }
}

interface Question {
  readonly lines: string[];
  readonly isLast: (line: string) => boolean;
  readonly resolve: (lines: readonly string[]) => void;
  readonly reject: (error: HoldfastError) => void;
}

function endOf({ exitCode, stderr }: ExecResult): string {
  return `the session ended with exit code ${exitCode}${stderr === '' ? '' : `: ${briefly(stderr)}`}`;
}

/** Input that is written piece by piece. */
class InputQueue {
  readonly #pieces: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #isEnded = false;

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) yield piece;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
