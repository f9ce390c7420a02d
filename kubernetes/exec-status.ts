import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { listAt, textAt } from '../domain/resource/fields.ts';
import { describe, type Operation } from './operation.ts';

/** As shells have it. */
const NO_SUCH_PROGRAM = 127;
const LONGEST_MESSAGE = 400;

export interface CommandEnd {
  readonly exitCode: number;
  /** What the container runtime says, when the command did not begin; else ''. */
  readonly message: string;
}

/**
 * How a command ended, from the `Status` on the error channel. Rejects with `NotFound` when the container is gone, and `Unavailable` when
 * the kubelet or the runtime failed.
 */
export function readCommandEnd(operation: Operation, payload: Buffer): CommandEnd {
  const status = parseStatus(payload);
  if (textAt(status, 'status') === 'Success') return { exitCode: 0, message: '' };
  const message = (textAt(status, 'message') || payload.toString('utf8')).replace(/\s+/g, ' ').trim().slice(0, LONGEST_MESSAGE);
  if (textAt(status, 'reason') === 'NonZeroExitCode') {
    const cause = listAt(status, 'details', 'causes').find((one) => textAt(one, 'reason') === 'ExitCode');
    const exitCode = Number.parseInt(textAt(cause, 'message'), 10);
    if (Number.isInteger(exitCode)) return { exitCode, message: '' };
  }
  if (/executable file not found|no such file or directory/.test(message)) return { exitCode: NO_SUCH_PROGRAM, message };
  const isGone = /container not found|not found: not found|container .* is not (running|created)|pod does not exist/i.test(message);
  throw new HoldfastError(isGone ? FailureType.NotFound : FailureType.Unavailable, `${describe(operation)}: ${message}`);
}

function parseStatus(payload: Buffer): Json {
  try {
    return parseLossless(payload.toString('utf8'));
  } catch {
    return null;
  }
}
