import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { damaged, isFailure, sha256 } from './failures.ts';

/** How many namesakes that cannot be used an upload evades before it gives up. */
const MAX_GENERATIONS = 16;

export interface HashNamed {
  readonly key: string;
  readonly bytes: Buffer;
  /** False when garbage collection may delete what is there under this name. */
  readonly adoptable?: boolean;
}

/**
 * Stores a file that is named by its hash. When the name is taken, what is there is read and adopted if it is right: an earlier attempt
 * wrote it. If it is damaged, which create-only cannot mend, or condemned, `build(generation)` gives the same content another name.
 */
export async function uploadOrAdopt<T extends HashNamed>(
  store: ObjectStore,
  build: (generation: number) => T,
  options: CallOptions,
): Promise<T> {
  for (let generation = 0; generation < MAX_GENERATIONS; generation++) {
    const file = build(generation);
    try {
      await store.create(file.key, file.bytes, options);
      return file;
    } catch (error) {
      if (!isFailure(error, 'AlreadyExists')) throw error;
    }
    if (file.adoptable !== false && (await isIntact(store, file, options))) return file;
  }
  throw damaged(`${store.url}: ${build(0).key}`, 'it cannot be replaced');
}

async function isIntact(store: ObjectStore, file: HashNamed, options: CallOptions): Promise<boolean> {
  const found = await store.stat(file.key, options);
  if (found?.sizeBytes !== file.bytes.length) return false;
  return sha256(await store.read(file.key, undefined, options)) === sha256(file.bytes);
}
