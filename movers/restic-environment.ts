import type { VolumeRepository } from './port.ts';

/** Lines of progress per second. */
const PROGRESS_RATE = '1';

/** What a mover needs besides its arguments. */
export interface MoverSecrets {
  readonly variables: Readonly<Record<string, string>>;
  /** Contents of the files, by the variable that has to name the file. */
  readonly files: Readonly<Record<string, string>>;
}

/** Password, address and credentials of a repository as restic takes them. */
export function moverSecrets({ url, password, environment, authority, files = {} }: VolumeRepository): MoverSecrets {
  return {
    variables: { ...environment, RESTIC_REPOSITORY: url, RESTIC_PASSWORD: password, RESTIC_PROGRESS_FPS: PROGRESS_RATE },
    files: { ...files, ...(authority === '' ? {} : { RESTIC_CACERT: authority }) },
  };
}
