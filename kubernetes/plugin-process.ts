import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

interface PluginCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Said when the command is not there; '' for nothing. */
  readonly installHint: string;
  readonly timeoutMs: number;
}

const MAX_OUTPUT_BYTES = 1024 * 1024;
const LONGEST_LINE = 200;

type PluginProcess = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Runs a credential plugin and returns what it prints. Rejects, with the first line of its standard error, when it fails, and with
 * `Unavailable` when it takes too long: then it is killed, together with the processes that it has started.
 */
export async function runPlugin(call: PluginCall): Promise<string> {
  const child = start(call);
  const output: string[] = [];
  const complaint: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (error: Error) => {
        kill(child);
        reject(error);
      };
      timer = setTimeout(() => {
        stop(new HoldfastError(FailureType.Unavailable, `no answer within ${call.timeoutMs / 1_000} s`));
      }, call.timeoutMs);
      collect(child.stdout, output, () => {
        stop(new Error('it prints more than a credential'));
      });
      collect(child.stderr, complaint, () => undefined);
      child.on('error', (error) => {
        reject(startFailure(error, call));
      });
      child.on('close', (code, signal) => {
        if (code === 0) resolve(output.join(''));
        else reject(new Error(firstLine(complaint.join('')) || (signal ? `it was ended by ${signal}` : `exit code ${code ?? 'unknown'}`)));
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * In a process group of its own: it can be killed with its children, and finds no terminal to ask on. Standard input is empty.
 */
function start({ command, args, environment }: PluginCall): PluginProcess {
  try {
    return spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  } catch {
    // Node's message quotes the argument that it does not like.
    throw new Error('its command, arguments or environment cannot be passed to a process');
  }
}

function collect(stream: Readable, chunks: string[], full: () => void): void {
  let size = 0;
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else full();
  });
}

/** Also when it has ended and a child of it holds its output open. */
function kill(child: PluginProcess): void {
  child.stdout.destroy();
  child.stderr.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function startFailure(error: NodeJS.ErrnoException, { installHint }: PluginCall): Error {
  if (error.code === 'EACCES') return new Error('the file may not be executed');
  if (error.code !== 'ENOENT') return new Error(`it cannot be started (${error.code ?? 'unknown reason'})`);
  const hint = installHint.replace(/\s+/g, ' ').trim();
  return new Error(`the command is not there${hint === '' ? '' : ` (${hint})`}`);
}

function firstLine(text: string): string {
  return (text.trim().split('\n', 1)[0] ?? '').trim().slice(0, LONGEST_LINE);
}
