import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { link as hardLink, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HoldfastError } from '../contracts/failures.ts';
import { createExclusively, ignoreMissing, readRange, syncFolder, writeDurably } from './durable-file.ts';
import { errorCode, fileError, rootGone } from './filesystem-errors.ts';
import { assertKey, assertPrefix, isKey } from './keys.ts';
import type { ByteRange, CallOptions, ObjectStore, StoreCapabilities, StoredObject } from './object-store.ts';

/** Without hard links (exFAT, some network mounts) these come back from link(2). */
const LINK_UNSUPPORTED = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface FilesystemOptions {
  /** link(2), or a stand-in for file systems that have none. */
  readonly link?: (existing: string, created: string) => Promise<void>;
}

/**
 * A folder as an object store. An object is written to a hidden temporary file beside its place, synced, and linked to its name, which
 * fails when the name is taken: readers and crashes see all of it or nothing. Symbolic links inside the folder are never followed.
 */
export class FilesystemStore implements ObjectStore {
  readonly url: string;
  readonly capabilities: StoreCapabilities = { atomicCreate: true };
  readonly #root: string;
  readonly #link: (existing: string, created: string) => Promise<void>;
  /** Folders whose own entry is known to be durable. */
  readonly #synced = new Set<string>();

  /** `root` is an absolute path; the folder need not exist until `prepare`. */
  constructor(root: string, options: FilesystemOptions = {}) {
    this.#root = root;
    this.#link = options.link ?? hardLink;
    this.url = pathToFileURL(root).href;
  }

  async prepare(options: CallOptions = {}): Promise<void> {
    await this.#run(this.#root, options, async () => {
      await mkdir(this.#root, { recursive: true });
      if (!(await lstat(this.#root)).isDirectory()) throw new HoldfastError('BadInput', `${this.url} is not a folder`);
      await syncFolder(dirname(this.#root));
    });
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#run(key, options, async () => {
      await this.#makeParents(key);
      const path = join(this.#root, key);
      const temporary = join(dirname(path), `.tmp-${process.pid}-${randomBytes(8).toString('hex')}`);
      try {
        await writeDurably(temporary, body, options.signal);
        await this.#publish(temporary, path, { body, ...options });
      } finally {
        await unlink(temporary).catch(ignoreMissing);
      }
      await this.#syncFolders(dirname(path));
    });
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    return this.#run(key, options, async () => {
      await this.#refuseLinks(key);
      const file = await open(join(this.#root, key), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        return await readRange(file, range, `${this.url}: ${key}`);
      } finally {
        await file.close();
      }
    });
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    return this.#run(key, options, async () => {
      try {
        await this.#refuseLinks(key);
        return await this.#describe(key);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        await this.#requireRoot();
        return undefined;
      }
    });
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    for (const key of await this.#entries(prefix, options)) {
      if (key.endsWith('/')) {
        yield* this.list(key, options);
        continue;
      }
      options.signal?.throwIfAborted();
      // An object that was deleted since its folder was read is simply not there any more.
      const found = await this.stat(key, options);
      if (found) yield found;
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#run(key, options, async () => {
      try {
        await this.#refuseLinks(key);
        await unlink(join(this.#root, key));
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        await this.#requireRoot();
        return;
      }
      await syncFolder(dirname(join(this.#root, key)));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #publish(temporary: string, path: string, options: CallOptions & { readonly body: Uint8Array }): Promise<void> {
    options.signal?.throwIfAborted();
    try {
      await this.#link(temporary, path);
    } catch (error) {
      if (!LINK_UNSUPPORTED.has(errorCode(error))) throw error;
      await createExclusively(path, options.body, options.signal);
    }
  }

  /** Keys, and folders with a final `/`, directly below a prefix, in the order that their full keys have. */
  async #entries(prefix: string, options: CallOptions & { readonly after?: string }): Promise<string[]> {
    return this.#run(prefix, options, async () => {
      const after = options.after ?? '';
      const entries = await this.#readFolder(prefix);
      return entries
        .filter((entry) => (entry.isFile() || entry.isDirectory()) && isKey(`${prefix}${entry.name}`))
        .map((entry) => `${prefix}${entry.name}${entry.isDirectory() ? '/' : ''}`)
        .filter((key) => key > after || (key.endsWith('/') && after.startsWith(key)))
        .sort(byBytes);
    });
  }

  async #readFolder(prefix: string): Promise<Dirent[]> {
    try {
      if (prefix !== '') await this.#refuseLinks(`${prefix}any`);
      return await readdir(join(this.#root, prefix), { withFileTypes: true });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || prefix === '') throw error;
      await this.#requireRoot();
      return [];
    }
  }

  async #describe(key: string): Promise<StoredObject | undefined> {
    const found = await lstat(join(this.#root, key));
    if (found.isSymbolicLink()) throw this.#linkError(key);
    return found.isFile() ? { key, sizeBytes: found.size, modifiedAt: found.mtime.toISOString() } : undefined;
  }

  /** Makes the folders of a key one by one: a missing root stays missing, so that an unmounted location is not written to. */
  async #makeParents(key: string): Promise<void> {
    await this.#requireRoot();
    for (const folder of foldersOf(key)) {
      try {
        await mkdir(join(this.#root, folder));
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
    }
    await this.#refuseLinks(key);
  }

  async #refuseLinks(key: string): Promise<void> {
    for (const folder of foldersOf(key)) {
      if ((await lstat(join(this.#root, folder))).isSymbolicLink()) throw this.#linkError(folder);
    }
  }

  /** Another writer may have made a parent folder and not synced it yet, so each process syncs every folder once itself. */
  async #syncFolders(leaf: string): Promise<void> {
    await syncFolder(leaf);
    for (let folder = leaf; folder !== this.#root && !this.#synced.has(folder); folder = dirname(folder)) {
      await syncFolder(dirname(folder));
      this.#synced.add(folder);
    }
  }

  async #requireRoot(): Promise<void> {
    try {
      await lstat(this.#root);
    } catch (error) {
      throw errorCode(error) === 'ENOENT' ? rootGone(this.url) : error;
    }
  }

  #linkError(path: string): HoldfastError {
    return new HoldfastError('Forbidden', `${this.url}: ${path} is a symbolic link`, {
      advice: 'links inside a location are not followed: replace it by the file or folder itself',
    });
  }

  async #run<T>(key: string, options: CallOptions, action: () => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof HoldfastError) throw error;
      if (errorCode(error) === 'ENOENT') await this.#requireRoot();
      throw fileError(this.url, key, error);
    }
  }
}

function foldersOf(key: string): string[] {
  const parts = key.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}
