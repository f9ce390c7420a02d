import { randomBytes } from 'node:crypto';
import type { CallOptions } from '../storage/object-store.ts';
import { isFailure } from './failures.ts';
import type { KeyMaterial } from './key-material.ts';
import { recordKey } from './layout.ts';
import { recordName } from './records.ts';
import type { Repository } from './repository.ts';

/** Kind of record under which the passwords of the restic repositories are kept, by the cluster's uid. */
const VOLUME_PASSWORDS = 'volume-password';

/** Where the password of a cluster is stored: without it the data of its volumes cannot be opened. */
export function volumePasswordKey(keys: KeyMaterial, clusterUid: string): string {
  return recordKey(recordName(keys, VOLUME_PASSWORDS, clusterUid));
}

export interface VolumePassword {
  readonly password: string;
  /** This call has made it. */
  readonly isNew: boolean;
}

/**
 * The password of the restic repository that holds the volumes of one cluster: 256 random bits, made when it is first asked for. Of several
 * who ask at once all get the same.
 */
export async function volumePassword(repository: Repository, clusterUid: string, options: CallOptions = {}): Promise<VolumePassword> {
  const known = await readVolumePassword(repository, clusterUid, options);
  if (known !== undefined) return { password: known, isNew: false };
  const password = randomBytes(32).toString('base64url');
  try {
    await repository.writeRecord({ kind: VOLUME_PASSWORDS, id: clusterUid, body: { password } }, options);
    return { password, isNew: true };
  } catch (error) {
    if (!isFailure(error, 'AlreadyExists')) throw error;
    const others = await readVolumePassword(repository, clusterUid, options);
    if (others === undefined) throw error;
    return { password: others, isNew: false };
  }
}

/** The same when it has been made; undefined when no volume of the cluster was ever sent there. */
export async function readVolumePassword(
  repository: Repository,
  clusterUid: string,
  options: CallOptions = {},
): Promise<string | undefined> {
  try {
    const { body } = await repository.readRecord(VOLUME_PASSWORDS, clusterUid, options);
    return typeof body === 'object' && body !== null && 'password' in body ? String(body.password) : undefined;
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined;
    throw error;
  }
}
