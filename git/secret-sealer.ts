import { createHmac, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { SecretSealer } from './port.ts';

const KEY_BYTES = 32;

export interface SealerSettings {
  /** `age1...` */
  readonly recipients: readonly string[];
  /** `AGE-SECRET-KEY-...` */
  readonly identities: readonly string[];
  /** For messages. */
  readonly remote: string;
  /** Where it remembers what is encrypted as what: a folder that may be deleted at any time. */
  readonly folder: string;
}

/**
 * Encrypts with age, armoured. Encryption is random, so whether a Secret changed is told by a keyed fingerprint of its text, which is remembered for each
 * encrypted blob on this machine alone. When that is lost, and nothing can be opened, all Secrets are encrypted once more.
 */
export async function openSecretSealer({ recipients, identities, remote, folder }: SealerSettings): Promise<SecretSealer> {
  const age = await import('age-encryption');
  const [encrypter, decrypter] = [new age.Encrypter(), new age.Decrypter()];
  for (const recipient of recipients)
    sparing(
      () => {
        encrypter.addRecipient(recipient);
      },
      remote,
      'recipients',
    );
  for (const identity of identities)
    sparing(
      () => {
        decrypter.addIdentity(identity);
      },
      remote,
      'identity',
    );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = await keyIn(folder);
  const file = join(folder, 'sealed.json');
  const known = await readKnown(file);
  // Another set of recipients is another text: everything is encrypted for them.
  const fingerprint = (text: string): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([...recipients].sort()))
      .update(text)
      .digest('hex');
  return {
    canOpen: identities.length > 0,
    seal: async (text) => Buffer.from(`${age.armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`),
    open: async (sealed) => {
      try {
        return await decrypter.decrypt(age.armor.decode(sealed.toString('latin1')), 'text');
      } catch {
        return undefined;
      }
    },
    knows: (blob, text) => known.get(blob) === fingerprint(text),
    remember: (blob, text) => {
      known.set(blob, fingerprint(text));
    },
    save: async (blobs) => {
      const kept = [...known].filter(([blob]) => blobs.has(blob));
      await replace(file, JSON.stringify(Object.fromEntries(kept)));
    },
  };
}

async function keyIn(folder: string): Promise<Buffer> {
  const file = join(folder, 'fingerprint.key');
  const found = await readFile(file).catch(() => undefined);
  if (found?.length === KEY_BYTES) return found;
  const key = randomBytes(KEY_BYTES);
  await replace(file, key);
  return key;
}

/** What cannot be read is as good as not known. */
async function readKnown(file: string): Promise<Map<string, string>> {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>));
  } catch {
    return new Map();
  }
}

async function replace(file: string, content: string | Buffer): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, file);
}

/** The library's own message may repeat what it was given. */
function sparing(use: () => void, remote: string, setting: string): void {
  try {
    use();
  } catch {
    throw new HoldfastError(FailureType.BadInput, `Git remote ${remote}: one of its ${setting} is no age key`, {
      advice: 'see `gitRemotes` in the configuration: recipients begin with age1, identities with AGE-SECRET-KEY-1',
    });
  }
}
