import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HoldfastError } from '../contracts/failures.ts';
import { syncFolder } from './durable-file.ts';
import { errorCode, fileError, rootGone } from './filesystem-errors.ts';
import { isKey } from './keys.ts';
import type { CallOptions } from './object-store.ts';

/** The folder of a location: its subfolders, made when needed and durable, with no symbolic link followed. */
export class Folder {
  readonly root: string;
  readonly url: string;
  /** Folders whose own entry is known to be durable. */
  readonly #synced = new Set<string>();

  /** `root` is an absolute path. */
  constructor(root: string) {
    this.root = root;
    this.url = pathToFileURL(root).href;
  }

  pathOf(key: string): string {
    return join(this.root, key);
  }

  /** Runs an action on a key, with its failures translated. */
  async run<T>(key: string, options: CallOptions, action: () => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof HoldfastError) throw error;
      if (errorCode(error) === 'ENOENT') await this.requireRoot();
      throw fileError(this.url, key, error);
    }
  }

  /** Makes the folders of a key one by one: a missing root stays missing, so that an unmounted location is not written to. */
  async makeParents(key: string): Promise<void> {
    await this.requireRoot();
    for (const folder of foldersOf(key)) {
      try {
        await mkdir(this.pathOf(folder));
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
    }
    await this.refuseLinks(key);
  }

  async refuseLinks(key: string): Promise<void> {
    for (const folder of foldersOf(key)) {
      if ((await lstat(this.pathOf(folder))).isSymbolicLink()) throw this.linkError(folder);
    }
  }

  /** Another writer may have made a parent folder and not synced it yet, so each process syncs every folder once itself. */
  async syncParents(key: string): Promise<void> {
    const leaf = dirname(this.pathOf(key));
    await syncFolder(leaf);
    for (let folder = leaf; folder !== this.root && !this.#synced.has(folder); folder = dirname(folder)) {
      await syncFolder(dirname(folder));
      this.#synced.add(folder);
    }
  }

  async requireRoot(): Promise<void> {
    try {
      await lstat(this.root);
    } catch (error) {
      throw errorCode(error) === 'ENOENT' ? rootGone(this.url) : error;
    }
  }

  /** Keys, and folders with a final `/`, directly below a prefix, in the order that their full keys have. */
  async entries(prefix: string, options: CallOptions & { readonly after?: string }): Promise<string[]> {
    return this.run(prefix, options, async () => {
      const after = options.after ?? '';
      const entries = await this.#read(prefix);
      return entries
        .filter((entry) => (entry.isFile() || entry.isDirectory()) && isKey(`${prefix}${entry.name}`))
        .map((entry) => `${prefix}${entry.name}${entry.isDirectory() ? '/' : ''}`)
        .filter((key) => key > after || (key.endsWith('/') && after.startsWith(key)))
        .sort(byBytes);
    });
  }

  linkError(path: string): HoldfastError {
    return new HoldfastError('Forbidden', `${this.url}: ${path} is a symbolic link`, {
      advice: 'links inside a location are not followed: replace it by the file or folder itself',
    });
  }

  async #read(prefix: string): Promise<Dirent[]> {
    try {
      if (prefix !== '') await this.refuseLinks(`${prefix}any`);
      return await readdir(this.pathOf(prefix), { withFileTypes: true });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || prefix === '') throw error;
      await this.requireRoot();
      return [];
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
