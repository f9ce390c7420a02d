import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { CsiError } from './csi-error.ts';

const OUTPUT_LIMIT_BYTES = 1_000_000;

/** Runs a program of the operating system to its end; what it printed. `INTERNAL` with its last words when it fails. */
export async function runProgram(program: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { maxBuffer: OUTPUT_LIMIT_BYTES })).stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trimEnd().split('\n').at(-1) : String(error);
    throw new CsiError(status.INTERNAL, `${program} failed: ${said ?? ''}`);
  }
}
