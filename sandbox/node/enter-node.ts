import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { isAlive } from '../process-identity.ts';
import { NODE_PATH } from './node-path.ts';
import { readInit } from './node-place.ts';
import type { NodePlace } from './node-place.ts';

/** A program and its arguments. */
export type CommandLine = readonly [string, ...(readonly string[])];

const OUTPUT_LIMIT_BYTES = 10_000_000;

/**
 * The command that runs another one inside the node: in its network, its mounts and among its processes. When that is killed, so is what it
 * runs. `Unavailable` when the node does not run.
 */
export async function insideNode(place: NodePlace, [program, ...args]: CommandLine): Promise<CommandLine> {
  const init = await readInit(place);
  if (init === undefined || !isAlive(init)) {
    throw new HoldfastError(FailureType.Unavailable, `the node in ${place.folder} does not run`, {
      advice: 'start it with: holdfast sandbox up --node',
    });
  }
  const namespaces = ['--target', `${init.pid}`, '--net', '--mount', '--pid'];
  return ['nsenter', ...namespaces, 'setpriv', '--pdeathsig', 'KILL', program, ...args];
}

/** Runs a command inside the node and returns what it printed. `Unavailable` with its last words when it fails. */
export async function runInNode(place: NodePlace, command: CommandLine): Promise<string> {
  const [program, ...args] = await insideNode(place, command);
  try {
    const options = { env: { PATH: NODE_PATH }, maxBuffer: OUTPUT_LIMIT_BYTES };
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trimEnd().split('\n').at(-1) : String(error);
    throw new HoldfastError(FailureType.Unavailable, `${command[0]} failed on the node: ${said ?? ''}`, {
      advice: `see the logs beside ${place.folder}`,
    });
  }
}
