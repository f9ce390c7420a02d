import { createHash } from 'node:crypto';
import { HoldfastError, type FailureType } from '../contracts/failures.ts';

/** Content that is not what was written. `where` is the location's URL with the key. */
export function damaged(where: string, detail: string, cause?: unknown): HoldfastError {
  return new HoldfastError('Damaged', `${where} is damaged: ${detail}`, {
    advice: 'bring the object back from a copy of the location, or make a new backup',
    ...(cause === undefined ? {} : { cause }),
  });
}

export function newerFormat(where: string, version: number | string): HoldfastError {
  return new HoldfastError('NewerFormat', `${where} was written by a newer Holdfast (format ${version})`, { advice: 'update Holdfast' });
}

export function isFailure(error: unknown, type: FailureType): error is HoldfastError {
  return error instanceof HoldfastError && error.type === type;
}

/** Bytes can be wrong on their way as well as at rest: what does not check is read once more before it counts as damaged. */
export async function checkedTwice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isFailure(error, 'Damaged')) throw error;
    return read();
  }
}

/** SHA-256, lower-case hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
