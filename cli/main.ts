import { CommanderError } from 'commander';
import { HoldfastError } from '../contracts/failures.ts';
import { ExitCode, exitCodeOfFailure } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { nounFirst } from './word-order.ts';

/** One line for whatever ended the command: what, where, what to do. A stack only with HOLDFAST_DEBUG, for a bug report. */
function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  if (process.env['HOLDFAST_DEBUG']) console.error(error);
  if (error instanceof HoldfastError) {
    console.error(`holdfast: ${error.message}${error.advice === '' ? '' : `; ${error.advice}`}`);
    return exitCodeOfFailure(error.type);
  }
  const text = error instanceof Error ? error.message : String(error);
  console.error(`holdfast: unexpected: ${text.split('\n', 1)[0] ?? ''}; run again with HOLDFAST_DEBUG=1 and report it`);
  return ExitCode.Error;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader went away (`| head`): that is no failure of ours.
  process.exit(error.code === 'EPIPE' ? ExitCode.Done : ExitCode.Error);
});

process.exitCode = await runProgram(nounFirst(process.argv.slice(2))).catch(explain);
