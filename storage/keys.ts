import { HoldfastError } from '../contracts/failures.ts';

const SEGMENT = /^[a-z0-9_-][a-z0-9._-]{0,199}$/;
const MAX_KEY_LENGTH = 800;

/** Whether a name is a key of the port: no empty part, no `.` or `..`, nothing hidden, nothing that any store would treat specially. */
export function isKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && key.split('/').every((part) => SEGMENT.test(part));
}

/** Refuses an illegal key with `BadInput`. */
export function assertKey(url: string, key: string): void {
  if (!isKey(key)) throw illegal(url, `${JSON.stringify(key.slice(0, 100))} is not a legal key`);
}

/** Refuses an illegal prefix of `list` with `BadInput`: it is '' or a key followed by `/`. */
export function assertPrefix(url: string, prefix: string): void {
  if (prefix !== '' && !(prefix.endsWith('/') && isKey(prefix.slice(0, -1)))) {
    throw illegal(url, `${JSON.stringify(prefix.slice(0, 100))} is not a legal prefix`);
  }
}

function illegal(url: string, what: string): HoldfastError {
  return new HoldfastError('BadInput', `${url}: ${what}`, {
    advice: 'use relative names made of a-z, 0-9, ".", "_" and "-", separated by "/"',
  });
}
