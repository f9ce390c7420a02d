import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));

export interface CommandResult {
  /** The exit code, or 128 + n for a signal, as a shell has it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface EndedCommand {
  readonly words: readonly string[];
  readonly code: number;
  readonly text: string;
}

/** Read by the test environment (environment.js), which empties it before each test. */
function endedCommands(): EndedCommand[] {
  return ((globalThis as { endedCommands?: EndedCommand[] }).endedCommands ??= []);
}

/** A holdfast process of its own; what it prints is kept. */
export class ChildCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const { NODE_OPTIONS: _ours, ...environment } = env;
    this.child = spawn(LAUNCHER, args, {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        const result = { code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout: this.stdout, stderr: this.stderr };
        endedCommands().push({ words: args, code: result.code, text: `${this.stdout}${this.stderr}` });
        resolve(result);
      });
    });
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until it has printed something, or has ended. */
  async printed(pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
      if (!this.running || performance.now() > deadline)
        throw new Error(`it never printed ${String(pattern)}: ${this.stdout}${this.stderr}`);
      await delay(25);
    }
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<CommandResult> {
    this.child.kill(signal);
    return this.ended;
  }
}
