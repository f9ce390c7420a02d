import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One process, and never another one that gets its number later. */
export interface ProcessRef {
  readonly pid: number;
  /** As `processIdentity` gives it. */
  readonly identity: string;
}

/**
 * What tells this process from every other that ever had its number: when it started, and in which boot of the machine. Undefined when
 * there is no such process or it is a zombie. keeper.sh computes the same string.
 */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? identityFromProc(pid) : identityFromPs(pid);
}

export function isAlive(process: ProcessRef): boolean {
  return process.identity !== '' && processIdentity(process.pid) === process.identity;
}

/** Sends a signal to that very process; returns false when it is gone. */
export function signalProcess(target: ProcessRef, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

function identityFromProc(pid: number): string | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // The command's name is in parentheses and may contain anything, so the fields are counted from the last parenthesis.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  const startTicks = fields[18];
  if (stat === '' || startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return `${startTicks}-${readOrEmpty('/proc/sys/kernel/random/boot_id').trim()}`;
}

function identityFromPs(pid: number): string | undefined {
  try {
    const env = { PATH: process.env['PATH'], TZ: 'UTC0', LC_ALL: 'C' };
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', `${pid}`], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [state = 'Z', ...started] = line.trim().split(/\s+/);
    return state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
