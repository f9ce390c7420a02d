import type { CallOptions, ObjectStore } from '../../storage/object-store.ts';
import { authenticateConfig, encodeConfig, isConfigOf, readConfig } from '../config.ts';
import type { RepositoryConfig } from '../documents.ts';
import { checkedTwice, damaged, isFailure, sha256 } from '../failures.ts';
import type { Credentials } from '../age-files.ts';
import { openKeyFiles } from '../key-files.ts';
import type { KeyMaterial } from '../key-material.ts';
import { CONFIG_KEY, keyFileKey } from '../layout.ts';
import { FROM_COPY, isBadContent, type Findings } from './findings.ts';
import type { Inventory } from './inventory.ts';

interface OpenForCheck extends CallOptions {
  readonly credentials: Credentials;
  readonly inventory: Inventory;
  readonly findings: Findings;
}

/**
 * The keys of a repository whose configuration or key files may be damaged: what is wrong with those becomes findings, and any key file that
 * still opens will do. Undefined when none does and some are damaged. `NotFound`: there is nothing of a repository here; `WrongKey`: the
 * key files are whole, and the credentials open none; `NewerFormat`.
 */
export async function openForCheck(store: ObjectStore, options: OpenForCheck): Promise<KeyMaterial | undefined> {
  const config = await readableConfig(store, options);
  const spoilt = await checkKeyFiles(store, options);
  const keys = await openAny(store, config, options);
  for (const message of spoilt) {
    options.findings.add(keys ? 'spare' : 'data', message.key, {
      code: 'KeyFileDamaged',
      message: message.text,
      advice: keys ? `${FROM_COPY}, or write its holders a new one` : `${FROM_COPY}: no other key file opens with this key`,
    });
  }
  if (!keys && spoilt.length === 0) {
    options.findings.add('data', '', {
      code: 'KeyFilesGone',
      message: `${store.url}: there is no key file`,
      advice: `bring keys/ back from a copy of the location: nothing can be restored without`,
    });
  }
  if (!keys) return undefined;
  if (config) await checkConfig(store, keys, options);
  return keys;
}

/** What `repository.json` states; undefined, with a finding, when it cannot be read. */
async function readableConfig(store: ObjectStore, options: OpenForCheck): Promise<RepositoryConfig | undefined> {
  try {
    return await checkedTwice(() => readConfig(store, options));
  } catch (error) {
    const { totals } = options.inventory;
    if (isFailure(error, 'NotFound')) {
      if (totals.keys.objects + totals.manifests.objects + totals.packs.objects === 0) throw error;
      spoiltConfig(options, `${store.url}: ${CONFIG_KEY} is gone, and what belongs to it is there`);
    } else if (isBadContent(error)) spoiltConfig(options, error.message);
    else throw error;
    return undefined;
  }
}

/** `repository.json` reads well: is it that of these keys? */
async function checkConfig(store: ObjectStore, keys: KeyMaterial, options: OpenForCheck): Promise<void> {
  const where = `${store.url}: ${CONFIG_KEY}`;
  try {
    await checkedTwice(async () => {
      const config = await readConfig(store, options);
      if (config.id !== keys.repositoryId) throw damaged(where, 'it is that of another repository');
      authenticateConfig(config, keys, where);
      if (encodeConfig(keys, config.createdAt).equals(await store.read(CONFIG_KEY, undefined, options))) return;
      options.findings.add('spare', CONFIG_KEY, {
        code: 'ConfigAltered',
        message: `${where} is authentic, but not byte for byte what Holdfast writes`,
        advice: `${FROM_COPY}; it can be used as it is`,
      });
    });
  } catch (error) {
    if (!isBadContent(error)) throw error;
    spoiltConfig(options, error.message);
  }
}

function spoiltConfig({ findings }: OpenForCheck, message: string): void {
  findings.add('data', CONFIG_KEY, {
    code: 'ConfigDamaged',
    message,
    advice: `${FROM_COPY}: nothing can be restored without it, and it never changes`,
  });
}

/** Key files whose bytes are not those that their name tells. */
async function checkKeyFiles(store: ObjectStore, options: OpenForCheck): Promise<{ readonly key: string; readonly text: string }[]> {
  const spoilt: { readonly key: string; readonly text: string }[] = [];
  for (const key of options.inventory.keyFiles) {
    const where = `${store.url}: ${key}`;
    try {
      await checkedTwice(async () => {
        if (keyFileKey(sha256(await store.read(key, undefined, options))) !== key) throw damaged(where, 'its hash is not its name');
      });
    } catch (error) {
      if (!isBadContent(error) && !isFailure(error, 'NotFound')) throw error;
      spoilt.push({ key, text: error.message });
    }
  }
  return spoilt;
}

/** With the configured id, or, where that leads nowhere, with whatever the key opens: the id may be what is wrong. */
async function openAny(store: ObjectStore, config: RepositoryConfig | undefined, options: OpenForCheck): Promise<KeyMaterial | undefined> {
  const accepts = (keys: KeyMaterial): boolean => config === undefined || isConfigOf(config, keys);
  const wanted = { ...options.credentials, accepts, ...(options.signal ? { signal: options.signal } : {}) };
  let failure: unknown;
  for (const candidate of config ? [config.id, undefined] : [undefined]) {
    try {
      return await openKeyFiles(store, candidate, wanted);
    } catch (error) {
      // The plain text of a key file is authentic: what says that it is newer, is.
      if (!isFailure(error, 'WrongKey') && !isFailure(error, 'Damaged')) throw error;
      failure ??= error;
    }
  }
  if (isFailure(failure, 'WrongKey') && options.inventory.totals.keys.objects > 0) throw failure;
  return undefined;
}
