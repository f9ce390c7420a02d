import { randomBytes } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { encodeConfig } from './config.ts';
import { isFailure } from './failures.ts';
import { generateIdentity, writeKeyFiles, type KeyHolders } from './key-files.ts';
import { KeyMaterial, MASTER_KEY_BYTES } from './key-material.ts';
import { CONFIG_KEY } from './layout.ts';

export interface InitResult {
  readonly id: string;
  /** The only key, when neither recipient nor passphrase was given: to be shown once and kept by the user. */
  readonly recoveryKey?: string;
}

/**
 * Makes a repository in a prepared location. `AlreadyExists` when there is one. Key files are written first, so that a repository that
 * exists can be opened; interrupted before the end it leaves a key file that nobody needs.
 */
export async function initRepository(store: ObjectStore, holders: KeyHolders & CallOptions = {}): Promise<InitResult> {
  if (await store.stat(CONFIG_KEY, holders)) throw exists(store.url);
  const generated = (holders.recipients ?? []).length === 0 && holders.passphrase === undefined ? await generateIdentity() : undefined;
  const keys = { repositoryId: randomBytes(16).toString('hex'), masterKey: randomBytes(MASTER_KEY_BYTES) };
  await writeKeyFiles(store, keys, generated ? { ...holders, recipients: [generated.recipient] } : holders);
  try {
    const config = encodeConfig(new KeyMaterial(keys.repositoryId, keys.masterKey), new Date().toISOString());
    await store.create(CONFIG_KEY, config, holders);
  } catch (error) {
    if (isFailure(error, 'AlreadyExists')) throw exists(store.url);
    throw error;
  }
  return generated ? { id: keys.repositoryId, recoveryKey: generated.identity } : { id: keys.repositoryId };
}

function exists(url: string): HoldfastError {
  return new HoldfastError('AlreadyExists', `${url}: there is a repository here already`, { advice: 'use it, or choose another location' });
}
