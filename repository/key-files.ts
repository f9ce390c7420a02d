import { HoldfastError } from '../contracts/failures.ts';
import { FORMAT_VERSION } from '../contracts/manifest.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { parseKeyFile } from './documents.ts';
import { damaged, isFailure, sha256 } from './failures.ts';
import { KeyMaterial, MASTER_KEY_BYTES } from './key-material.ts';
import { KEY_FILES, keyFileKey } from './layout.ts';

/** More key files than anybody has; a hostile location does not make us try for ever. */
const MAX_KEY_FILES = 100;

/** Who may open the repository. */
export interface KeyHolders {
  /** age recipients, `age1...`. */
  readonly recipients?: readonly string[];
  readonly passphrase?: string;
  /** log2 of scrypt's N for the passphrase; age's default is 18. */
  readonly scryptWorkFactor?: number;
}

/** What opens it. */
export interface Credentials {
  /** age identities, `AGE-SECRET-KEY-...`. */
  readonly identities?: readonly string[];
  readonly passphrase?: string;
}

type Age = Awaited<ReturnType<typeof loadAge>>;

/** Writes the key files: one for all recipients, one for the passphrase, since age does not mix the two. */
export async function writeKeyFiles(
  store: ObjectStore,
  master: { readonly repositoryId: string; readonly masterKey: Buffer },
  holders: KeyHolders & CallOptions,
): Promise<void> {
  const plain = JSON.stringify({
    repositoryId: master.repositoryId,
    formatVersion: FORMAT_VERSION,
    masterKey: master.masterKey.toString('base64'),
  });
  const age = await loadAge();
  for (const encrypter of encrypters(age, holders)) {
    const file = await encrypter.encrypt(plain);
    await store.create(keyFileKey(sha256(file)), file, holders);
  }
}

/** Tries every key file. None that fits is `WrongKey`; damaged ones among them make it `Damaged`, since the right one may be of those. */
export async function openKeyFiles(store: ObjectStore, repositoryId: string, options: Credentials & CallOptions): Promise<KeyMaterial> {
  const decrypter = makeDecrypter(await loadAge(), options);
  let failure: HoldfastError | undefined;
  let tried = 0;
  for await (const { key } of store.list(KEY_FILES, options)) {
    if (++tried > MAX_KEY_FILES) break;
    try {
      const keys = await openOne({ store, key, decrypter }, options);
      if (keys?.repositoryId === repositoryId) return keys;
    } catch (error) {
      if (!isFailure(error, 'Damaged')) throw error;
      failure ??= error;
    }
  }
  throw failure ?? wrongKey(store.url, options);
}

/** A new age identity and the recipient that belongs to it. */
export async function generateIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const age = await loadAge();
  const identity = await age.generateX25519Identity();
  return { identity, recipient: await age.identityToRecipient(identity) };
}

async function openOne(
  file: { readonly store: ObjectStore; readonly key: string; readonly decrypter: InstanceType<Age['Decrypter']> },
  options: CallOptions,
): Promise<KeyMaterial | undefined> {
  const where = `${file.store.url}: ${file.key}`;
  const bytes = await file.store.read(file.key, undefined, options);
  if (keyFileKey(sha256(bytes)) !== file.key) throw damaged(where, 'its hash is not its name');
  let plain: Uint8Array;
  try {
    plain = await file.decrypter.decrypt(bytes);
  } catch {
    // Made for somebody else, or not an age file at all: anybody may put files here.
    return undefined;
  }
  const { repositoryId, masterKey } = parseKeyFile(plain, where);
  const key = Buffer.from(masterKey, 'base64');
  if (key.length !== MASTER_KEY_BYTES) throw damaged(where, 'its key has the wrong length');
  return new KeyMaterial(repositoryId, key);
}

function encrypters(age: Age, holders: KeyHolders): InstanceType<Age['Encrypter']>[] {
  const made: InstanceType<Age['Encrypter']>[] = [];
  if (holders.recipients && holders.recipients.length > 0) {
    const encrypter = new age.Encrypter();
    for (const recipient of holders.recipients)
      addOrRefuse(() => {
        encrypter.addRecipient(recipient);
      }, 'an age recipient (age1...)');
    made.push(encrypter);
  }
  if (holders.passphrase !== undefined) {
    if (holders.passphrase === '') throw new HoldfastError('BadInput', 'the passphrase is empty', { advice: 'give one of several words' });
    const encrypter = new age.Encrypter();
    encrypter.setPassphrase(holders.passphrase);
    if (holders.scryptWorkFactor !== undefined) encrypter.setScryptWorkFactor(holders.scryptWorkFactor);
    made.push(encrypter);
  }
  return made;
}

function makeDecrypter(age: Age, credentials: Credentials): InstanceType<Age['Decrypter']> {
  const decrypter = new age.Decrypter();
  for (const identity of credentials.identities ?? []) {
    addOrRefuse(() => {
      decrypter.addIdentity(identity);
    }, 'an age identity (AGE-SECRET-KEY-1...)');
  }
  if (credentials.passphrase !== undefined) decrypter.addPassphrase(credentials.passphrase);
  return decrypter;
}

/** The library's own message may repeat what it was given. */
function addOrRefuse(add: () => void, what: string): void {
  try {
    add();
  } catch {
    throw new HoldfastError('BadInput', `one of the given keys is not ${what}`, {
      advice: 'check the key file or the setting it comes from',
    });
  }
}

function wrongKey(url: string, credentials: Credentials): HoldfastError {
  const none = (credentials.identities ?? []).length === 0 && credentials.passphrase === undefined;
  return new HoldfastError(
    'WrongKey',
    `${url}: ${none ? 'no key was given for this repository' : 'the given key does not open this repository'}`,
    {
      advice: 'give the recovery key or passphrase that it was made with',
    },
  );
}

function loadAge() {
  return import('age-encryption');
}
