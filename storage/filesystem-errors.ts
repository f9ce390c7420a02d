import { HoldfastError, type FailureType } from '../contracts/failures.ts';

/** The errno name of a file-system error, '' for anything else. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function rootGone(url: string): HoldfastError {
  return new HoldfastError('LocationGone', `${url}: the folder does not exist`, {
    advice: 'mount the disk, or create the folder; for a new repository "holdfast repository init" creates it',
  });
}

interface Meaning {
  readonly type: FailureType;
  readonly what: string;
  readonly advice: string;
}

const RIGHTS = 'give this user read and write access to the folder';
const MEANINGS: Readonly<Record<string, Meaning>> = {
  EEXIST: { type: 'AlreadyExists', what: 'exists already', advice: '' },
  ENOENT: { type: 'NotFound', what: 'does not exist', advice: '' },
  EACCES: { type: 'Forbidden', what: 'permission denied', advice: RIGHTS },
  EPERM: { type: 'Forbidden', what: 'operation not permitted', advice: RIGHTS },
  EROFS: { type: 'Forbidden', what: 'the file system is read-only', advice: 'mount it for writing' },
  ELOOP: { type: 'Forbidden', what: 'is a symbolic link', advice: 'links inside a location are not followed' },
  EISDIR: { type: 'NotFound', what: 'is a folder, not an object', advice: '' },
  ENOTDIR: { type: 'BadInput', what: 'a part of the path is not a folder', advice: 'check the path of the location' },
  ENOSPC: { type: 'Unavailable', what: 'the disk is full', advice: 'free some space' },
  EDQUOT: { type: 'Unavailable', what: 'the disk quota is used up', advice: 'free some space' },
};

/** Translates an errno into the port's failures. What is not known is taken as temporary. */
export function fileError(url: string, key: string, cause: unknown): HoldfastError {
  const code = errorCode(cause);
  const meaning = MEANINGS[code] ?? { type: 'Unavailable', what: `input/output failed (${code || String(cause)})`, advice: '' };
  const where = key.startsWith('/') || key === '' ? url : `${url}: ${key}`;
  return new HoldfastError(meaning.type, `${where}: ${meaning.what}`, { advice: meaning.advice, cause });
}
