import { HoldfastError } from '../contracts/failures.ts';

/** What opens a repository. */
export interface Credentials {
  /** age identities, `AGE-SECRET-KEY-...`. */
  readonly identities?: readonly string[];
  readonly passphrase?: string;
}

/** Whom an age file is made for: exactly one of both, so that taking a key away is deleting a file. */
export type AgeTarget = { readonly recipient: string } | { readonly passphrase: string; readonly scryptWorkFactor?: number };

/** A new age identity and the recipient that belongs to it. */
export async function generateIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const age = await loadAge();
  const identity = await age.generateX25519Identity();
  return { identity, recipient: await age.identityToRecipient(identity) };
}

/** The recipient that an identity opens files for. `BadInput` without repeating what was given. */
export async function recipientOf(identity: string): Promise<string> {
  const age = await loadAge();
  return sparing(() => age.identityToRecipient(identity), 'an age identity (AGE-SECRET-KEY-1...)');
}

/** Refuses what is no recipient and an empty passphrase, before anything is written. */
export async function checkTarget(target: AgeTarget): Promise<void> {
  await encrypterFor(target);
}

export async function encryptFor(target: AgeTarget, plain: string): Promise<Uint8Array> {
  return (await encrypterFor(target)).encrypt(plain);
}

/** Opens an age file: its plain bytes, or undefined when it was made for somebody else or is none at all: anybody may put files there. */
export async function makeOpener(credentials: Credentials): Promise<(file: Uint8Array) => Promise<Uint8Array | undefined>> {
  const age = await loadAge();
  const decrypter = new age.Decrypter();
  for (const identity of credentials.identities ?? []) {
    await sparing(() => {
      decrypter.addIdentity(identity);
    }, 'an age identity (AGE-SECRET-KEY-1...)');
  }
  if (credentials.passphrase !== undefined) decrypter.addPassphrase(credentials.passphrase);
  return async (file) => {
    try {
      return await decrypter.decrypt(file);
    } catch {
      return undefined;
    }
  };
}

/** Kinds of the keys that open an age file, in the order of its header: `X25519`, `scrypt`, ... */
export function stanzasOf(file: Uint8Array): string[] {
  const header = Buffer.from(file.subarray(0, 16_384)).toString('latin1').split('\n---', 1)[0] ?? '';
  return [...header.matchAll(/^-> (\S+)/gm)].map(([, kind = '']) => kind);
}

async function encrypterFor(target: AgeTarget) {
  const age = await loadAge();
  const encrypter = new age.Encrypter();
  if ('recipient' in target) {
    await sparing(() => {
      encrypter.addRecipient(target.recipient);
    }, 'an age recipient (age1...)');
    return encrypter;
  }
  if (target.passphrase === '') throw new HoldfastError('BadInput', 'the passphrase is empty', { advice: 'give one of several words' });
  encrypter.setPassphrase(target.passphrase);
  if (target.scryptWorkFactor !== undefined) encrypter.setScryptWorkFactor(target.scryptWorkFactor);
  return encrypter;
}

/** The library's own message may repeat what it was given. */
async function sparing<T>(use: () => T | Promise<T>, what: string): Promise<T> {
  try {
    return await use();
  } catch {
    throw new HoldfastError('BadInput', `one of the given keys is not ${what}`, {
      advice: 'check the key file or the setting it comes from',
    });
  }
}

function loadAge() {
  return import('age-encryption');
}
