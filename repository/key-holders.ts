import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { KeyHolder } from '../contracts/manifest.ts';
import type { CallOptions, ObjectStore, StoredObject } from '../storage/object-store.ts';
import { recipientOf, stanzasOf, type AgeTarget, type Credentials } from './age-files.ts';
import { authenticateConfig, isConfigOf, readConfig } from './config.ts';
import { parseKeyRecord } from './documents.ts';
import { isFailure } from './failures.ts';
import { afterHeader } from './file-header.ts';
import { makeKeyFile, openKeyring } from './key-files.ts';
import type { DataKey, KeyMaterial } from './key-material.ts';
import { CONFIG_KEY, KEY_FILES, keyFileName, recordKey } from './layout.ts';
import { ManifestChain } from './manifest-chain.ts';
import { openRecord, recordName, Records } from './records.ts';
import { BoxSealer, dataKeyOf } from './sealed-box.ts';

const KIND = 'key';
const PARALLEL_READS = 8;

/** An opened repository as far as its keys go. `maintenance` reaches the same place with the rights to delete. */
export interface KeyAdmin {
  readonly store: ObjectStore;
  readonly maintenance: ObjectStore;
  readonly credentials: Credentials;
  readonly keys: KeyMaterial;
  /** Keys of the key files that the credentials open. */
  readonly openedFiles: ReadonlySet<string>;
  readonly chain: ManifestChain;
  readonly records: Records;
}

/** A key file and whose it is. */
export interface HeldKeyFile {
  readonly key: string;
  readonly holder: KeyHolder;
  /** False when no record says whose it is, or only one that a former holder could have written. */
  readonly known: boolean;
  /** The newest data key in it, and since which manifest it knew that to count; 0 for announced. */
  readonly dataKey: number;
  readonly sinceSequence: number;
  /** Whether the credentials in use open it. */
  readonly opens: boolean;
}

/** Opens a repository to look after its keys. Fails as `openRepository` does. */
export async function openKeyAdmin(
  places: { readonly store: ObjectStore; readonly maintenance: ObjectStore },
  credentials: Credentials,
  options: CallOptions = {},
): Promise<KeyAdmin> {
  const { store } = places;
  const config = await readConfig(store, options);
  const ring = await openKeyring(store, config.id, { ...credentials, ...options, accepts: (found) => isConfigOf(config, found) });
  authenticateConfig(config, ring.keys, `${store.url}: ${CONFIG_KEY}`);
  const sealer = new BoxSealer(ring.keys);
  const chain = new ManifestChain(store, sealer, ring.keys.repositoryId);
  await chain.read(options);
  return { ...places, credentials, ...ring, chain, records: new Records(store, ring.keys, sealer) };
}

/** Writes a holder's key file, and before it the record that says whose it is. Returns the file's key. */
export async function writeHolderFile(
  admin: Pick<KeyAdmin, 'store' | 'keys' | 'records'>,
  file: { readonly holder: KeyHolder; readonly target: AgeTarget; readonly dataKeys?: readonly DataKey[] },
  options: CallOptions,
): Promise<string> {
  const { holder, dataKeys = admin.keys.dataKeys } = file;
  const { key, bytes } = await makeKeyFile(admin.keys, file.target, dataKeys);
  const newest = dataKeys.at(-1);
  const body = { holder, dataKey: newest?.number ?? 0, sinceSequence: newest?.sinceSequence ?? 0 };
  await admin.records.write({ kind: KIND, id: keyFileName(key), body }, options);
  await admin.store.create(key, bytes, options);
  return key;
}

/** Says whose a key file is that exists already: for a repository just made, whose records cannot come first. */
export function recordHolder(
  records: Records,
  file: { readonly key: string; readonly holder: KeyHolder },
  options: CallOptions,
): Promise<void> {
  const { key, holder } = file;
  return records.write({ kind: KIND, id: keyFileName(key), body: { holder, dataKey: 0, sinceSequence: 0 } }, options);
}

/** Removes a key file and what was recorded of it. True when it is gone, false when a lock of the store holds it. */
export async function removeHolderFile(admin: KeyAdmin, key: string, options: CallOptions): Promise<boolean> {
  try {
    await admin.maintenance.delete(key, options);
    await admin.maintenance.delete(recordKey(recordName(admin.keys, KIND, keyFileName(key))), options);
    return true;
  } catch (error) {
    if (isFailure(error, 'Locked')) return false;
    throw error;
  }
}

/** Every key file of the location, oldest first. */
export async function listHeldKeyFiles(admin: KeyAdmin, options: CallOptions): Promise<HeldKeyFile[]> {
  const limit = pLimit(PARALLEL_READS);
  const own = await ownRecipients(admin.credentials);
  const files: StoredObject[] = [];
  for await (const file of admin.store.list(KEY_FILES, options)) files.push(file);
  const held = await Promise.all(files.map((file) => limit(() => describe({ admin, file, own }, options))));
  return held.flatMap((file) => file ?? []).sort((a, b) => (a.holder.addedAt < b.holder.addedAt ? -1 : 1));
}

interface Described {
  readonly admin: KeyAdmin;
  readonly file: StoredObject;
  /** Recipients of the identities in use. */
  readonly own: readonly string[];
}

async function describe({ admin, file, own }: Described, options: CallOptions): Promise<HeldKeyFile | undefined> {
  const opens = admin.openedFiles.has(file.key);
  const recorded = await recordOf(admin, file.key, options);
  if (recorded) return { key: file.key, ...recorded, opens };
  try {
    const stanzas = stanzasOf(await admin.store.read(file.key, undefined, options));
    const [recipient] = own;
    const type = stanzas.includes('scrypt') ? 'passphrase' : 'recipient';
    // Made before records were kept, or by an init that was cut off: what our only key opens is ours.
    const isOurs = opens && stanzas.length === 1 && (type === 'passphrase' || (own.length === 1 && recipient !== undefined));
    const holder: KeyHolder = {
      id: keyFileName(file.key).slice(0, 8),
      label: '',
      type,
      recipient: isOurs && type === 'recipient' ? (recipient ?? '') : '',
      addedAt: file.modifiedAt,
    };
    return { key: file.key, holder, known: isOurs, dataKey: 0, sinceSequence: 0, opens };
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What is recorded of a key file; not known when it is sealed with a data key that was replaced, which a former holder has, too. */
async function recordOf(
  admin: KeyAdmin,
  key: string,
  options: CallOptions,
): Promise<Pick<HeldKeyFile, 'holder' | 'known' | 'dataKey' | 'sinceSequence'> | undefined> {
  const { store, keys } = admin;
  const name = recordName(keys, KIND, keyFileName(key));
  try {
    const where = `${store.url}: ${recordKey(name)}`;
    const { body } = await openRecord({ store, keys, sealer: new BoxSealer(keys) }, name, options);
    const sealedWith = dataKeyOf(afterHeader('R', await store.read(recordKey(name), undefined, options), where));
    return { ...parseKeyRecord(body, where), known: sealedWith >= keys.newest.dataKey.number };
  } catch (error) {
    if (isFailure(error, 'NotFound') || isFailure(error, 'Damaged')) return undefined;
    throw error;
  }
}

function ownRecipients({ identities = [] }: Credentials): Promise<string[]> {
  return Promise.all(identities.map((identity) => recipientOf(identity)));
}

/** Somebody new who is to open the repository. */
export function newHolder(given: { readonly target: AgeTarget; readonly label: string; readonly addedAt: string }): KeyHolder {
  const { target, label, addedAt } = given;
  const recipient = 'recipient' in target ? target.recipient : '';
  return { id: randomBytes(4).toString('hex'), label, type: recipient === '' ? 'passphrase' : 'recipient', recipient, addedAt };
}
