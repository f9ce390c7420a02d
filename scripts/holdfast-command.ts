import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pc from 'picocolors';
import { runToEnd } from './child-process.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/holdfast', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_OUTPUT = 1 << 28;
const run = promisify(execFile);

/** The command line as a user has it: a process of its own, in a given environment, its output on the terminal. */
export class HoldfastCommand {
  readonly #environment: NodeJS.ProcessEnv;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  /** Shows and runs a command; rejects when its exit code is not 0. */
  async run(...args: readonly string[]): Promise<void> {
    this.#show(args);
    const code = await runToEnd(LAUNCHER, args, { cwd: ROOT, env: this.#environment });
    if (code !== 0) throw new Error(`holdfast ${args.slice(0, 2).join(' ')} ended with exit code ${code}`);
  }

  /** The same out of reach of Ctrl-C, for tidying up. */
  async runUndisturbed(...args: readonly string[]): Promise<void> {
    this.#show(args);
    const child = spawn(LAUNCHER, args, { cwd: ROOT, env: this.#environment, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const code = await exitOf(child);
    if (code !== 0) throw new Error(`holdfast ${args.slice(0, 2).join(' ')} ended with exit code ${code}`);
  }

  /** Shows and runs a command, without the lines of its output that contain `hidden`. */
  async runHiding(hidden: string, ...args: readonly string[]): Promise<void> {
    this.#show([...args], ` | grep -v ${hidden}`);
    const { stdout } = await run(LAUNCHER, args, { cwd: ROOT, env: this.#environment, maxBuffer: MAX_OUTPUT });
    const lines = stdout.split('\n').filter((line) => !line.includes(hidden));
    process.stdout.write(lines.join('\n'));
  }

  /** What a command prints with `-o json`. */
  async json(...args: readonly string[]): Promise<unknown> {
    const { stdout } = await run(LAUNCHER, [...args, '-o', 'json'], { cwd: ROOT, env: this.#environment, maxBuffer: MAX_OUTPUT });
    return JSON.parse(stdout) as unknown;
  }

  /** Shows and starts a command that is to be killed. */
  start(...args: readonly string[]): { readonly kill: () => void; readonly ended: Promise<string | number> } {
    this.#show(args);
    const child = spawn(LAUNCHER, args, { cwd: ROOT, env: this.#environment, stdio: ['ignore', 'inherit', 'inherit'] });
    return { kill: () => child.kill('SIGKILL'), ended: exitOf(child) };
  }

  #show(args: readonly string[], more = ''): void {
    process.stderr.write(`${pc.cyan('$')} ${pc.bold(['holdfast', ...args].map(quoted).join(' ') + more)}\n`);
  }
}

function exitOf(child: ChildProcess): Promise<string | number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? signal ?? 0);
    });
  });
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
