import { HoldfastError } from '../contracts/failures.ts';
import { FORMAT_VERSION } from '../contracts/manifest.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { parseConfig, type RepositoryConfig } from './documents.ts';
import { damaged, isFailure } from './failures.ts';
import { isRepositoryId, type KeyMaterial } from './key-material.ts';
import { CONFIG_KEY } from './layout.ts';

const FORMAT = 'holdfast-repository';

/** The bytes of `repository.json`. */
export function encodeConfig(keys: KeyMaterial, createdAt: string): Buffer {
  const mac = keys.mac('config/mac', authenticated(keys.repositoryId, createdAt)).toString('hex');
  const config: RepositoryConfig = { format: FORMAT, formatVersion: FORMAT_VERSION, id: keys.repositoryId, createdAt, mac };
  return Buffer.from(`${JSON.stringify(config)}\n`);
}

/** Reads `repository.json`, which is not authenticated until `authenticateConfig`. Without one, the location has no repository: `NotFound`. */
export async function readConfig(store: ObjectStore, options: CallOptions): Promise<RepositoryConfig> {
  try {
    const where = `${store.url}: ${CONFIG_KEY}`;
    const config = parseConfig(await store.read(CONFIG_KEY, undefined, options), where);
    if (!isRepositoryId(config.id)) throw damaged(where, 'its id is not one');
    return config;
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error;
    throw new HoldfastError('NotFound', `${store.url}: there is no repository here`, {
      advice: 'check the URL, or make one with "holdfast location add"',
      cause: error,
    });
  }
}

/** Checks that whoever wrote the configuration had the key. */
export function authenticateConfig(config: RepositoryConfig, keys: KeyMaterial, where: string): void {
  if (!isConfigOf(config, keys)) throw damaged(where, 'it does not authenticate');
}

/** Whether the configuration was written with this master key. */
export function isConfigOf(config: RepositoryConfig, keys: KeyMaterial): boolean {
  return keys.verifies('config/mac', authenticated(config.id, config.createdAt), config.mac);
}

function authenticated(id: string, createdAt: string): string {
  return `${FORMAT}\n${FORMAT_VERSION}\n${id}\n${createdAt}`;
}
