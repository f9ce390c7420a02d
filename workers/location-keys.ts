import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Credentials } from '../repository/key-files.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Location } from './configuration.ts';
import { readSecret } from './secret-sources.ts';

/** Asks a person for a secret; absent where there is nobody to ask. */
export type AskSecret = (question: string) => Promise<string>;

/** A key that did not exist before. */
export interface GeneratedKey {
  readonly identity: string;
  readonly recipient: string;
}

/** Who may open a repository that is to be made, besides the key of its location. */
export interface RepositoryHolders {
  readonly recipients?: readonly string[];
  readonly passphrase?: string;
}

/** What opens a location's repository. `BadInput` when the location has no key and nobody can be asked. */
export async function credentialsOf(location: Location, ask?: AskSecret): Promise<Credentials> {
  const { name, key, passphrase } = location;
  if (passphrase) return { passphrase: (await readSecret(passphrase, `passphrase of location ${name}`)).trimEnd() };
  if (key) return fromText(await readSecret(key, `key of location ${name}`), 'command' in key);
  if (ask) return fromText(await ask(`key or passphrase of location ${name}`), true);
  throw new HoldfastError(FailureType.BadInput, `location ${name} has no key`, {
    advice: 'name it with `holdfast location add NAME URL --key-file FILE`',
  });
}

/** The key file of a location that does not exist yet; '' when there is none such. */
export function missingKeyFile({ key }: Location): string {
  return key && 'file' in key && !existsSync(key.file) ? key.file : '';
}

/** Writes a new key file that only its owner can read. An existing one is never overwritten. */
export async function writeKeyFile(file: string, key: GeneratedKey, location: Location): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const text = `# Holdfast key of location ${location.name} (${location.url})\n# public key: ${key.recipient}\n${key.identity}\n`;
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new HoldfastError(FailureType.BadInput, `${file}: cannot be written (${code === 'EEXIST' ? 'it exists already' : code})`, {
      advice: 'name another file',
      cause: error,
    });
  }
}

/** Makes the repository of a location for its key and the given holders. A key file that does not exist yet is made: see `missingKeyFile`. */
export async function createRepository(location: Location, store: ObjectStore, holders: RepositoryHolders = {}): Promise<string> {
  const { initRepository } = await import('../repository/init.ts');
  const { generateIdentity, recipientOf } = await import('../repository/age-files.ts');
  await store.prepare();
  const file = missingKeyFile(location);
  if (file !== '') {
    // The key is safe before anything is encrypted with it.
    await writeKeyFile(file, await generateIdentity(), location);
  }
  const { identities = [], passphrase } = location.key || location.passphrase ? await credentialsOf(location) : {};
  const own = await Promise.all(identities.map((identity) => recipientOf(identity)));
  const words = passphrase ?? holders.passphrase;
  const recipients = [...own, ...(holders.recipients ?? [])];
  // Otherwise a key would be made that nobody sees.
  if (recipients.length === 0 && words === undefined) throw new HoldfastError(FailureType.BadInput, `location ${location.name} has no key`);
  const made = await initRepository(store, {
    recipients,
    ...(words === undefined ? {} : { passphrase: words }),
  });
  return made.id;
}

function fromText(text: string, mayBePassphrase: boolean): Credentials {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isIdentity = lines.some((line) => line.startsWith('AGE-SECRET-KEY-'));
  return mayBePassphrase && !isIdentity ? { passphrase: text.trimEnd() } : { identities: lines };
}
