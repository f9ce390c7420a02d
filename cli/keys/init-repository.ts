import { resolve } from 'node:path';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { saveLocation, type Location } from '../../workers/configuration.ts';
import { createRepository, missingKeyFile, writeKeyFile, type GeneratedKey } from '../../workers/dependencies.ts';
import { showRecoveryKey } from './recovery-key.ts';
import type { Terminal } from './terminal.ts';

export interface InitRequest {
  readonly location: Location;
  readonly store: ObjectStore;
  readonly recipients: readonly string[];
  /** Another way in; '' for none. */
  readonly passphrase: string;
  /** A file that does not exist, for a recovery key that is made; '' for none. */
  readonly recoveryKeyFile: string;
  /** The user says that whatever is written by this command is kept. */
  readonly kept: boolean;
  readonly terminal: Terminal | undefined;
}

export interface InitOutcome {
  readonly id: string;
  /** Files that were written with new keys. */
  readonly keyFiles: readonly string[];
}

/**
 * Makes a repository. A new key comes into being when the location's key file does not exist, when a recovery key file is asked for, or
 * when there would be no key at all; then a person must prove to have kept it, or a script must say so, before anything is stored.
 */
export async function initRepositoryAt(request: InitRequest): Promise<InitOutcome> {
  const { location, store, recoveryKeyFile } = request;
  await refuseImpossible(request);
  const own = missingKeyFile(location);
  const file = recoveryKeyFile === '' ? own : resolve(recoveryKeyFile);
  if (file === '' && hasKey(request)) return { id: await createRepository(location, store, holdersOf(request)), keyFiles: [] };
  const key = await newKey(request, file);
  if (file !== '') await writeKeyFile(file, key, location);
  const id = await createRepository(location, store, holdersOf(request, key));
  // A location that has no key yet is opened with this one from now on.
  if (file !== '' && !location.key && !location.passphrase) await saveLocation({ ...location, key: { file } });
  return { id, keyFiles: [...new Set([file, own])].filter((written) => written !== '') };
}

/** A key that a person has proven to have, or that a script says to keep. */
async function newKey({ terminal, kept }: InitRequest, file: string): Promise<GeneratedKey> {
  const isTold = kept && file !== '';
  if (!terminal && !isTold) throw nobodyToTell(file);
  const { generateIdentity } = await import('../../repository/age-files.ts');
  const key = await generateIdentity();
  if (terminal && !isTold) await showRecoveryKey(terminal, key, file);
  return key;
}

/** Before a person is asked to write down a key that would be for nothing. */
async function refuseImpossible({ location, passphrase, store }: InitRequest): Promise<void> {
  if (location.passphrase && passphrase !== '') {
    throw new HoldfastError(FailureType.BadInput, `location ${location.name} has a passphrase already`, {
      advice: 'add others with `holdfast keys add` afterwards',
    });
  }
  const { CONFIG_KEY } = await import('../../repository/layout.ts');
  await store.prepare();
  if (await store.stat(CONFIG_KEY)) {
    throw new HoldfastError(FailureType.AlreadyExists, `${store.url}: there is a repository here already`, {
      advice: 'use it, or choose another location',
    });
  }
}

function hasKey({ location, recipients, passphrase }: InitRequest): boolean {
  return Boolean(location.key ?? location.passphrase) || recipients.length > 0 || passphrase !== '';
}

function holdersOf({ recipients, passphrase }: InitRequest, key?: GeneratedKey) {
  return { recipients: [...(key ? [key.recipient] : []), ...recipients], ...(passphrase === '' ? {} : { passphrase }) };
}

function nobodyToTell(file: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, 'a new key would be made, and there is no terminal to show it on', {
    advice:
      file === ''
        ? 'add --recovery-key-file FILE and --recovery-key-kept, or give the location a key that exists'
        : `add --recovery-key-kept to say that a copy of ${file} will be kept elsewhere`,
  });
}
