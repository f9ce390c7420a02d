import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** Where entries lie until they are whole: in the volume's own folder, so that they can be moved into their place. */
export const STAGING = '.holdfast-put-back';

interface PutBackPlace {
  /** Names of the folders below the volume's root, from the top. */
  readonly folders: readonly string[];
  /** Name of the file; '' for what is unpacked into the folder. */
  readonly name: string;
}

/** Takes a path in a volume apart. `BadInput` when it is not one below the volume's root. */
export function putBackPlace(kind: 'file' | 'tar' | 'absent', path: string): PutBackPlace {
  const names = path === '' ? [] : path.split('/');
  const isWrong = names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'));
  if (isWrong || (kind !== 'tar' && names.length === 0)) {
    throw new HoldfastError(FailureType.BadInput, `${JSON.stringify(path)} is no path in a volume`, {
      advice: 'restore with the version of Holdfast that made the backup, or a newer one',
    });
  }
  return kind === 'tar' ? { folders: names, name: '' } : { folders: names.slice(0, -1), name: names.at(-1) ?? '' };
}
