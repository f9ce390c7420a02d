import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { configurationText, seeded } from './generated-objects.ts';

const INVOICES = 400;
const A_DAY_S = 86_400;

/** What the shop keeps on its volume: invoices by year, with rights and times of their own, and a link to the newest. */
export class DemoFiles {
  readonly #folder: string;
  #before = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get size(): number {
    return INVOICES;
  }

  async write(): Promise<void> {
    const random = seeded(15);
    for (let index = 0; index < INVOICES; index += 1) {
      const year = join(this.#folder, String(2023 + (index % 4)));
      await mkdir(year, { recursive: true });
      const file = join(year, `invoice № ${String(index).padStart(4, '0')}.txt`);
      await writeFile(file, configurationText(random, 2_000 + Math.floor(random() * 20_000)));
      await chmod(file, index % 3 === 0 ? 0o600 : 0o640);
      await utimes(file, 1_700_000_000 + index * A_DAY_S, 1_700_000_000 + index * A_DAY_S);
    }
    await symlink('2026', join(this.#folder, 'this year'));
    this.#before = await this.#read();
  }

  /** The disk is gone. */
  async destroy(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  /** Lines about what is not as it was written; none when all is. */
  async differences(): Promise<readonly string[]> {
    const now = await this.#read();
    const names = new Set([...this.#before.keys(), ...now.keys()]);
    return [...names].filter((name) => this.#before.get(name) !== now.get(name)).map((name) => `${name} on the volume is not as it was`);
  }

  /** Everything that is to come back, by path. */
  async #read(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const entry of await readdir(this.#folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(this.#folder, path);
      if (entry.isSymbolicLink()) found.set(name, `link to ${await readlink(path)}`);
      else if (entry.isFile()) {
        const { mode, mtimeMs, uid } = await stat(path);
        found.set(
          name,
          [
            mode,
            Math.round(mtimeMs),
            uid,
            createHash('sha256')
              .update(await readFile(path))
              .digest('hex'),
          ].join(' '),
        );
      } else found.set(name, 'folder');
    }
    return found;
  }
}
