import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { VolumeRepository } from './port.ts';
import type { CommandContext } from './restic-command.ts';
import { moverSecrets } from './restic-environment.ts';
import type { Ended } from './restic-failure.ts';
import { ResticOutput } from './restic-output.ts';

export interface LocalResticSettings {
  /** Path of the restic program, 0.18 or newer. */
  readonly restic: string;
  /** A folder of ours alone, for what is under way and for restic's cache. It is made when it is needed, and may be deleted when nothing runs. */
  readonly scratch: string;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Gets the lines of standard output, besides what is read from them; restic waits for it. */
  readonly onLine?: (line: string) => void | Promise<void>;
  /** Gets standard output as it is, in place of all reading of lines; restic waits for it. */
  readonly onData?: (chunk: Buffer) => void | Promise<void>;
}

/** What a process gets of the worker's own environment. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR'];
const GRACE_MS = 5000;

/** restic as a program of this machine. */
export class LocalRestic {
  readonly program: string;
  readonly #scratch: string;

  constructor({ restic, scratch }: LocalResticSettings) {
    this.program = restic;
    this.#scratch = scratch;
  }

  context(repository: VolumeRepository): CommandContext {
    return { repository, cacheFolder: join(this.#scratch, 'cache') };
  }

  /** The folder of everything that belongs to one task. */
  taskFolder(id: string): string {
    return join(this.tasksFolder, id);
  }

  get tasksFolder(): string {
    return join(this.#scratch, 'tasks');
  }

  /** Runs a command that takes no long time: it does not outlive its caller's interest, and is not found again by another worker. */
  async run(repository: VolumeRepository, command: readonly string[], options: RunOptions): Promise<Ended> {
    const { signal } = options;
    signal.throwIfAborted();
    await mkdir(this.#scratch, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(this.#scratch, 'run-'));
    try {
      const environment = await processEnvironment(repository, folder);
      const child = spawn(this.program, command, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = once(child, 'exit') as Promise<[number | null]>;
      const stop = () => {
        child.kill('SIGTERM');
        setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
      };
      signal.addEventListener('abort', stop, { once: true });
      const output = new ResticOutput();
      const reads = [readOutput(child.stdout, output, options), readOutput(child.stderr, output, {})];
      const [[code]] = await Promise.all([ended, ...reads])
        .catch(async (error: unknown) => {
          // Whoever was to take the output cannot: nobody reads it any more.
          stop();
          await ended;
          throw error;
        })
        .finally(() => {
          signal.removeEventListener('abort', stop);
        });
      signal.throwIfAborted();
      return { code: code ?? undefined, output };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall?.startsWith('spawn') !== true) throw error;
      throw new HoldfastError(FailureType.Unavailable, `restic could not be started: ${(error as Error).message}`, { cause: error });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** The whole environment of a restic; what it needs as files is put into `folder`. */
export async function processEnvironment(repository: VolumeRepository, folder: string): Promise<Readonly<Record<string, string>>> {
  const { variables, files } = moverSecrets(repository);
  const inherited = INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const paths: [string, string][] = [];
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    paths.push([name, path]);
  }
  return { ...(Object.fromEntries(inherited) as Record<string, string>), ...variables, ...Object.fromEntries(paths) };
}

async function readOutput(stream: Readable, output: ResticOutput, { onLine, onData }: Omit<RunOptions, 'signal'>): Promise<void> {
  if (onData) {
    for await (const chunk of stream) await onData(chunk as Buffer);
    return;
  }
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    output.take(line);
    await onLine?.(line);
  }
}
