import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeconfigContext } from './dependencies.ts';

/** A run that was started on the embedded server and whose end nobody has seen yet: how to serve it again. */
export interface OpenRun {
  readonly workflowId: string;
  readonly cluster: string;
  readonly access: KubeconfigContext;
}

/**
 * Notes about open runs, one file each in the state folder. Written before a run is started and removed after its end: what a killed process
 * leaves behind is what the next one must pick up.
 */
export class OpenRuns {
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'open-runs');
  }

  async note(run: OpenRun): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#file(run.workflowId);
    await writeFile(`${file}.tmp`, JSON.stringify(run), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }

  async remove(workflowId: string): Promise<void> {
    await rm(this.#file(workflowId), { force: true });
  }

  async list(): Promise<readonly OpenRun[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const runs = await Promise.all(
      names.filter((name) => name.endsWith('.json')).map(async (name) => readFile(join(this.#folder, name), 'utf8').catch(() => '')),
    );
    return runs.filter((text) => text !== '').map((text) => JSON.parse(text) as OpenRun);
  }

  #file(workflowId: string): string {
    return join(this.#folder, `${encodeURIComponent(workflowId)}.json`);
  }
}
