import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link as hardLink, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../contracts/failures.ts';
import { copyExclusively, ignoreMissing, makeFolder, readRange, syncFile, syncFolder, writeDurably } from './durable-file.ts';
import { errorCode, fileError } from './filesystem-errors.ts';
import { Folder } from './folder.ts';
import { assertKey, assertPrefix } from './keys.ts';
import type {
  ByteRange,
  CallOptions,
  LargeOptions,
  LargeSource,
  ObjectStore,
  StoreCapabilities,
  StoredObject,
  StoreFacts,
  StorePlace,
} from './object-store.ts';
import { fillPartial, partialName, removeAbandoned } from './partial-file.ts';

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
  readonly place: StorePlace;
  readonly capabilities: StoreCapabilities = { atomicCreate: true, resumableUploads: true, objectLock: false };
  readonly #folder: Folder;
  readonly #link: (existing: string, created: string) => Promise<void>;

  /** `root` is an absolute path; the folder need not exist until `prepare`. */
  constructor(root: string, options: FilesystemOptions = {}) {
    this.#folder = new Folder(root);
    this.#link = options.link ?? hardLink;
    this.url = this.#folder.url;
    this.place = { scheme: 'file', endpoint: '', bucket: root, prefix: '' };
  }

  async prepare(options: CallOptions = {}): Promise<void> {
    const { root } = this.#folder;
    await this.#folder.run(root, options, async () => {
      await makeFolder(root);
      if (!(await lstat(root)).isDirectory()) throw new HoldfastError('BadInput', `${this.url} is not a folder`);
      await syncFolder(dirname(root));
    });
  }

  async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#createFrom(key, options, (temporary) => writeDurably(temporary, body, options.signal));
  }

  async createLarge(key: string, source: LargeSource, options: LargeOptions = {}): Promise<void> {
    assertKey(this.url, key);
    await this.#folder.run(key, options, async () => {
      await this.#folder.makeParents(key);
      const path = this.#folder.pathOf(key);
      const partial = join(dirname(path), partialName(key, source));
      try {
        await this.#assertFree(key);
        await fillPartial(partial, source, options);
        await this.#publish(partial, path);
      } catch (error) {
        // What was written serves the next attempt, unless there can be none.
        if (errorCode(error) === 'EEXIST') await unlink(partial).catch(ignoreMissing);
        throw error;
      }
      await unlink(partial).catch(ignoreMissing);
      await removeAbandoned(dirname(path));
      await this.#folder.syncParents(key);
    });
  }

  async read(key: string, range?: ByteRange, options: CallOptions = {}): Promise<Buffer> {
    assertKey(this.url, key);
    return this.#folder.run(key, options, async () => {
      await this.#folder.refuseLinks(key);
      const file = await open(this.#folder.pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        return await readRange(file, range, `${this.url}: ${key}`);
      } finally {
        await file.close();
      }
    });
  }

  async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    assertKey(this.url, key);
    return this.#folder.run(key, options, async () => {
      try {
        await this.#folder.refuseLinks(key);
        return await this.#describe(key);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        await this.#folder.requireRoot();
        return undefined;
      }
    });
  }

  async *list(prefix: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<StoredObject> {
    assertPrefix(this.url, prefix);
    for (const key of await this.#folder.entries(prefix, options)) {
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
    await this.#folder.run(key, options, async () => {
      try {
        await this.#folder.refuseLinks(key);
        await unlink(this.#folder.pathOf(key));
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        await this.#folder.requireRoot();
        return;
      }
      await syncFolder(dirname(this.#folder.pathOf(key)));
    });
  }

  canCopyFrom(source: StorePlace): boolean {
    return source.scheme === 'file';
  }

  /** File systems that can do so share the blocks of both files. */
  async copyFrom(source: StorePlace, key: string, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const from = new Folder(source.bucket);
    await from.run(key, options, async () => {
      await from.refuseLinks(key);
      if (!(await lstat(from.pathOf(key))).isFile()) throw fileError(from.url, key, { code: 'ENOENT' });
    });
    await this.#createFrom(key, options, async (temporary) => {
      await this.#assertFree(key);
      await copyFile(from.pathOf(key), temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await syncFile(temporary);
    });
  }

  /** Folders have no locks. */
  lock(key: string): Promise<void> {
    return Promise.reject(
      new HoldfastError('BadInput', `${this.url}: ${key}: folders have no locks`, { advice: 'use a store with object locks' }),
    );
  }

  /** By the clock of the file system, which on a network mount is not that of this machine. */
  async facts(options: CallOptions = {}): Promise<StoreFacts> {
    const { root } = this.#folder;
    return this.#folder.run(root, options, async () => {
      const probe = join(root, temporaryName());
      try {
        await writeDurably(probe, new Uint8Array(), options.signal);
        return { serverTime: (await lstat(probe)).mtime.toISOString(), versioning: false, objectLock: false };
      } finally {
        await unlink(probe).catch(ignoreMissing);
      }
    });
  }

  async tryOverwrite(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    assertKey(this.url, key);
    const path = this.#folder.pathOf(key);
    await this.#folder.run(key, options, async () => {
      await this.#folder.refuseLinks(key);
      const temporary = join(dirname(path), temporaryName());
      await writeDurably(temporary, body, options.signal);
      await rename(temporary, path);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Makes an object of the temporary file that `write` makes. */
  async #createFrom(key: string, options: CallOptions, write: (temporary: string) => Promise<void>): Promise<void> {
    assertKey(this.url, key);
    await this.#folder.run(key, options, async () => {
      await this.#folder.makeParents(key);
      const path = this.#folder.pathOf(key);
      const temporary = join(dirname(path), temporaryName());
      try {
        await write(temporary);
        options.signal?.throwIfAborted();
        await this.#publish(temporary, path);
      } finally {
        await unlink(temporary).catch(ignoreMissing);
      }
      await this.#folder.syncParents(key);
    });
  }

  async #publish(temporary: string, path: string): Promise<void> {
    try {
      await this.#link(temporary, path);
    } catch (error) {
      if (!LINK_UNSUPPORTED.has(errorCode(error))) throw error;
      await copyExclusively(temporary, path);
    }
  }

  /** For bodies that are not worth moving when the name is taken; what decides is the link. */
  async #assertFree(key: string): Promise<void> {
    const there = await this.#describe(key).catch(ignoreMissing);
    if (there) throw Object.assign(new Error('taken'), { code: 'EEXIST' });
  }

  async #describe(key: string): Promise<StoredObject | undefined> {
    const found = await lstat(this.#folder.pathOf(key));
    if (found.isSymbolicLink()) throw this.#folder.linkError(key);
    return found.isFile() ? { key, sizeBytes: found.size, modifiedAt: found.mtime.toISOString() } : undefined;
  }
}

function temporaryName(): string {
  return `.tmp-${process.pid}-${randomBytes(8).toString('hex')}`;
}
