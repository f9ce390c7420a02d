import { HoldfastError } from '../contracts/failures.ts';
import { FORMAT_VERSION } from '../contracts/manifest.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { encryptFor, makeOpener, type AgeTarget, type Credentials } from './age-files.ts';
import { parseKeyFile } from './documents.ts';
import { damaged, isFailure, sha256 } from './failures.ts';
import { afterHeader } from './file-header.ts';
import { agreeOnDataKeys } from './key-agreement.ts';
import { KEY_BYTES, KeyMaterial, type DataKey } from './key-material.ts';
import { KEY_FILES, keyFileKey, manifestKey, sequenceName } from './layout.ts';
import { BoxSealer, dataKeyOf } from './sealed-box.ts';

export type { Credentials } from './age-files.ts';

/** More key files than anybody has; a hostile location does not make us try for ever. */
const MAX_KEY_FILES = 100;
const LISTING_ATTEMPTS = 5;

/** What one key file holds. */
interface KeyFileContent {
  readonly repositoryId: string;
  readonly masterKey: Buffer;
  readonly dataKeys: readonly DataKey[];
}

export interface OpenKeyFiles extends Credentials, CallOptions {
  /** Whether these are the keys of the repository's configuration; when several master keys are found, the first that is accepted is taken. */
  readonly accepts?: (keys: KeyMaterial) => boolean;
}

/** A repository's keys, and the key files (by key) that they were found in. */
export interface Keyring {
  readonly keys: KeyMaterial;
  readonly openedFiles: ReadonlySet<string>;
}

/** The bytes of a key file and the key that they are stored under. */
export async function makeKeyFile(
  keys: KeyMaterial,
  target: AgeTarget,
  dataKeys: readonly DataKey[] = keys.dataKeys,
): Promise<{ readonly key: string; readonly bytes: Uint8Array }> {
  const plain = {
    repositoryId: keys.repositoryId,
    formatVersion: FORMAT_VERSION,
    masterKey: keys.masterKey.toString('base64'),
    dataKeys: dataKeys.map(({ secret, ...rest }) => ({ ...rest, key: secret.toString('base64') })),
  };
  const bytes = await encryptFor(target, JSON.stringify(plain));
  return { key: keyFileKey(sha256(bytes)), bytes };
}

/**
 * Tries every key file; without an id the first that opens says which repository it is. None that fits is `WrongKey`; damaged ones among
 * them make it `Damaged`, since the right one may be of those.
 */
export async function openKeyFiles(store: ObjectStore, repositoryId: string | undefined, options: OpenKeyFiles): Promise<KeyMaterial> {
  return (await openKeyring(store, repositoryId, options)).keys;
}

/** As `openKeyFiles`, saying which files opened. */
export async function openKeyring(store: ObjectStore, repositoryId: string | undefined, options: OpenKeyFiles): Promise<Keyring> {
  const files = new KeyFiles(store, await makeOpener(options));
  await files.readNew(options);
  const opened = files.contents.filter((file) => repositoryId === undefined || file.repositoryId === repositoryId);
  const rings = opened.map((file) => keyringOf(file, files));
  const keys = rings.find((ring) => options.accepts?.(ring) ?? true) ?? rings[0];
  if (!keys) throw files.failure ?? wrongKey(store.url, options);
  keys.take(await files.dataKeysOf(keys, options));
  return { keys, openedFiles: files.openedFiles };
}

function keyringOf({ repositoryId, masterKey }: KeyFileContent, files: KeyFiles): KeyMaterial {
  const keys: KeyMaterial = new KeyMaterial(repositoryId, masterKey, {
    learn: async () => {
      if (await files.readNew({})) keys.take(await files.dataKeysOf(keys, {}));
    },
    isHolder: () => files.isAnyLeft(),
  });
  return keys;
}

/** The key files of a location as far as they were tried. */
class KeyFiles {
  readonly #store: ObjectStore;
  readonly #open: (file: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly #tried = new Set<string>();
  readonly #opened = new Map<string, KeyFileContent>();
  failure: HoldfastError | undefined;

  constructor(store: ObjectStore, open: (file: Uint8Array) => Promise<Uint8Array | undefined>) {
    this.#store = store;
    this.#open = open;
  }

  get contents(): readonly KeyFileContent[] {
    return [...this.#opened.values()];
  }

  get openedFiles(): ReadonlySet<string> {
    return new Set(this.#opened.keys());
  }

  /** Tries the files that were not tried before: whether there was any, so that nobody makes us work by boxes that no key opens. */
  async readNew(options: CallOptions): Promise<boolean> {
    let fresh = false;
    for (let attempt = 0; attempt < LISTING_ATTEMPTS; attempt++) {
      const unread = (await this.#listed(options)).filter((key) => !this.#tried.has(key));
      fresh ||= unread.length > 0;
      for (const key of unread) await this.#try(key, options);
      // A file that a rotation has deleted since it was listed has a successor that was not listed yet.
      if (unread.every((key) => this.#tried.has(key))) break;
    }
    return fresh;
  }

  async #listed(options: CallOptions): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#store.list(KEY_FILES, options)) {
      if (keys.push(key) === MAX_KEY_FILES) break;
    }
    return keys;
  }

  /** Whether one of those that opened is there still. */
  async isAnyLeft(): Promise<boolean> {
    await this.readNew({});
    return (await this.#listed({})).some((key) => this.#opened.has(key));
  }

  /** What the files with this master key say together. */
  dataKeysOf(keys: KeyMaterial, options: CallOptions): Promise<DataKey[]> {
    const lists = this.contents
      .filter(({ repositoryId, masterKey }) => repositoryId === keys.repositoryId && masterKey.equals(keys.masterKey))
      .map(({ dataKeys }) => dataKeys);
    return agreeOnDataKeys(lists, (dataKey) => opensItsManifest({ store: this.#store, keys, dataKey }, options));
  }

  async #try(key: string, options: CallOptions): Promise<void> {
    try {
      const where = `${this.#store.url}: ${key}`;
      const bytes = await this.#store.read(key, undefined, options);
      if (keyFileKey(sha256(bytes)) !== key) throw damaged(where, 'its hash is not its name');
      const plain = await this.#open(bytes);
      if (plain) this.#opened.set(key, contentOf(plain, where));
      this.#tried.add(key);
    } catch (error) {
      if (isFailure(error, 'NotFound')) return;
      if (!isFailure(error, 'Damaged')) throw error;
      this.failure ??= error;
      this.#tried.add(key);
    }
  }
}

function contentOf(plain: Uint8Array, where: string): KeyFileContent {
  const { repositoryId, masterKey, dataKeys } = parseKeyFile(plain, where);
  if ([masterKey, ...dataKeys.map(({ key }) => key)].some(({ length }) => length !== KEY_BYTES)) {
    throw damaged(where, 'one of its keys has the wrong length');
  }
  return { repositoryId, masterKey, dataKeys: dataKeys.map(({ key, ...rest }) => ({ ...rest, secret: key })) };
}

/** Whether the manifest that a data key says it came into use with is sealed with it. */
async function opensItsManifest(
  question: { readonly store: ObjectStore; readonly keys: KeyMaterial; readonly dataKey: DataKey },
  options: CallOptions,
): Promise<boolean> {
  const { store, keys, dataKey } = question;
  const { sinceSequence } = dataKey;
  try {
    const alone = new KeyMaterial(keys.repositoryId, keys.masterKey);
    alone.take([dataKey]);
    const where = `${store.url}: ${manifestKey(sinceSequence)}`;
    const file = await store.read(manifestKey(sinceSequence), undefined, options);
    const box = afterHeader('M', file, where);
    new BoxSealer(alone).open({ kind: 'manifest', name: sequenceName(sinceSequence) }, box, where);
    return dataKeyOf(box) === dataKey.number;
  } catch (error) {
    if (isFailure(error, 'Damaged') || isFailure(error, 'NotFound')) return false;
    throw error;
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
