import { randomBytes } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { checkTarget, generateIdentity, type AgeTarget } from './age-files.ts';
import { encodeConfig } from './config.ts';
import { isFailure } from './failures.ts';
import { makeKeyFile } from './key-files.ts';
import { newHolder, recordHolder } from './key-holders.ts';
import { KEY_BYTES, KeyMaterial } from './key-material.ts';
import { CONFIG_KEY } from './layout.ts';
import { Records } from './records.ts';
import { BoxSealer } from './sealed-box.ts';

/** Who may open the new repository. */
export interface FirstHolders extends CallOptions {
  /** age recipients, `age1...`. */
  readonly recipients?: readonly string[];
  readonly passphrase?: string;
  /** log2 of scrypt's N for the passphrase; age's default is 18. */
  readonly scryptWorkFactor?: number;
}

export interface InitResult {
  readonly id: string;
  /** The only key, when neither recipient nor passphrase was given: to be shown once and kept by the user. */
  readonly recoveryKey?: string;
}

/**
 * Makes a repository in a prepared location. `AlreadyExists` when there is one. Key files, one for each holder, are written first, so that
 * a repository that exists can be opened; interrupted before the end it leaves key files that nobody needs, or does not say whose they are.
 */
export async function initRepository(store: ObjectStore, holders: FirstHolders = {}): Promise<InitResult> {
  if (await store.stat(CONFIG_KEY, holders)) throw exists(store.url);
  const given = targetsOf(holders);
  for (const target of given) await checkTarget(target);
  const generated = given.length === 0 ? await generateIdentity() : undefined;
  const targets = generated ? [{ recipient: generated.recipient }] : given;
  const keys = new KeyMaterial(randomBytes(16).toString('hex'), randomBytes(KEY_BYTES));
  const files: { readonly key: string; readonly target: AgeTarget }[] = [];
  for (const target of targets) {
    const { key, bytes } = await makeKeyFile(keys, target);
    await store.create(key, bytes, holders);
    files.push({ key, target });
  }
  const createdAt = new Date().toISOString();
  await claim(store, encodeConfig(keys, createdAt), holders);
  const records = new Records(store, keys, new BoxSealer(keys));
  for (const { key, target } of files) {
    await recordHolder(records, { key, holder: newHolder({ target, label: 'at init', addedAt: createdAt }) }, holders);
  }
  return generated ? { id: keys.repositoryId, recoveryKey: generated.identity } : { id: keys.repositoryId };
}

function targetsOf({ recipients = [], passphrase, scryptWorkFactor }: FirstHolders): AgeTarget[] {
  const targets: AgeTarget[] = [...new Set(recipients)].map((recipient) => ({ recipient }));
  if (passphrase !== undefined) targets.push({ passphrase, ...(scryptWorkFactor === undefined ? {} : { scryptWorkFactor }) });
  return targets;
}

async function claim(store: ObjectStore, config: Buffer, options: CallOptions): Promise<void> {
  try {
    await store.create(CONFIG_KEY, config, options);
  } catch (error) {
    if (isFailure(error, 'AlreadyExists')) throw exists(store.url);
    throw error;
  }
}

function exists(url: string): HoldfastError {
  return new HoldfastError('AlreadyExists', `${url}: there is a repository here already`, { advice: 'use it, or choose another location' });
}
