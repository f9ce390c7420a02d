import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeconfigContext } from './dependencies.ts';

/** Work on the embedded server that some process must serve, and how. */
export interface ServedWork {
  /** Of a run its workflow id, of a schedule its name. */
  readonly id: string;
  readonly cluster: string;
  readonly access: KubeconfigContext;
}

/**
 * Notes about work on the embedded server, one file each in a folder of the state folder. Open runs are noted before they are started and
 * removed after their end: what a killed process leaves behind is what the next one must pick up. Schedules are noted as long as they exist.
 */
export class WorkNotes {
  readonly #folder: string;

  constructor(stateFolder: string, kind: 'open-runs' | 'schedules') {
    this.#folder = join(stateFolder, kind);
  }

  async note(work: ServedWork): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#file(work.id);
    await writeFile(`${file}.tmp`, JSON.stringify(work), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#file(id), { force: true });
  }

  async list(): Promise<readonly ServedWork[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const notes = await Promise.all(
      names.filter((name) => name.endsWith('.json')).map(async (name) => readFile(join(this.#folder, name), 'utf8').catch(() => '')),
    );
    return notes.filter((text) => text !== '').map((text) => JSON.parse(text) as ServedWork);
  }

  #file(id: string): string {
    return join(this.#folder, `${encodeURIComponent(id)}.json`);
  }
}
