import { createHash } from 'node:crypto';
import { HoldfastError, type FailureType } from '../contracts/failures.ts';

/** Content that is not what was written. `where` is the location's URL with the key. */
export function damaged(where: string, detail: string, cause?: unknown): HoldfastError {
  return new HoldfastError('Damaged', `${where} is damaged: ${detail}`, {
    advice: 'bring the object back from a copy of the location, or make a new backup',
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * A box that names a data key which was not known here when it was met. A new key may have been made since; otherwise the box is damaged,
 * or its key was made after the given one had been taken away.
 */
export class UnknownDataKey extends HoldfastError {
  readonly #keys: { learn(): Promise<void> };

  constructor(where: string, number: number, keys: { learn(): Promise<void> }) {
    super('Damaged', `${where} is damaged, or sealed with data key ${number}, which the given key was not told of`, {
      advice: 'see "holdfast keys ls"; a key that was left out of a rotation opens older backups only',
    });
    this.#keys = keys;
  }

  learn(): Promise<void> {
    return this.#keys.learn();
  }
}

export function newerFormat(where: string, version: number | string): HoldfastError {
  return new HoldfastError('NewerFormat', `${where} was written by a newer Holdfast (format ${version})`, { advice: 'update Holdfast' });
}

export function isFailure(error: unknown, type: FailureType): error is HoldfastError {
  return error instanceof HoldfastError && error.type === type;
}

/**
 * Bytes can be wrong on their way as well as at rest: what does not check is read once more before it counts as damaged; with the keys
 * that have come to the repository meanwhile.
 */
export async function checkedTwice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isFailure(error, 'Damaged')) throw error;
    if (error instanceof UnknownDataKey) await error.learn();
    return read();
  }
}

/** SHA-256, lower-case hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
