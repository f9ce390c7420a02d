import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where each volume is mounted for pods. Written before the mount and removed after it, so none is missed. */
export class Publications {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(volume: string, target: string): Promise<void> {
    await mkdir(join(this.#folder, volume), { recursive: true });
    await writeFile(this.#file(volume, target), target);
  }

  async remove(volume: string, target: string): Promise<void> {
    await rm(this.#file(volume, target), { force: true });
  }

  /** Of a volume that is gone. */
  async forget(volume: string): Promise<void> {
    await rm(join(this.#folder, volume), { recursive: true, force: true });
  }

  async targetsOf(volume: string): Promise<readonly string[]> {
    const folder = join(this.#folder, volume);
    const names = await readdir(folder).catch(() => []);
    return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  }

  /** uids of the pods that have any of the volumes. */
  async podsOf(volumes: readonly string[]): Promise<ReadonlySet<string>> {
    const targets = await Promise.all(volumes.map((volume) => this.targetsOf(volume)));
    return new Set(targets.flat().map(podOf));
  }

  #file(volume: string, target: string): string {
    return join(this.#folder, volume, createHash('sha256').update(target).digest('hex'));
  }
}

/** kubelet mounts folders at `.../pods/<uid>/volumes/...`, and devices at `.../publish/<volume>/<uid>`. */
function podOf(target: string): string {
  return /\/pods\/([^/]+)\/volumes\//.exec(target)?.[1] ?? target.slice(target.lastIndexOf('/') + 1);
}
