import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { BlobStore } from './port.ts';
import type { RunningGit } from './run-git.ts';

/** What git calls a content. */
function blobId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

/** Contents go through one `git fast-import` into one pack, however many they are. Git is started with the first of them. */
export class ImportedBlobs implements BlobStore {
  readonly #start: () => RunningGit;
  readonly #failure: (stderr: string) => Error;
  readonly #added = new Set<string>();
  #running: RunningGit | undefined;

  constructor(start: () => RunningGit, failure: (stderr: string) => Error) {
    this.#start = start;
    this.#failure = failure;
  }

  readonly idOf = blobId;

  async add(content: Buffer): Promise<void> {
    const id = blobId(content);
    if (this.#added.has(id)) return;
    this.#added.add(id);
    this.#running ??= this.#start();
    const { child, ended } = this.#running;
    const flows = child.stdin.write(Buffer.concat([Buffer.from(`blob\ndata ${content.length}\n`), content, Buffer.from('\n')]));
    if (!flows) await Promise.race([once(child.stdin, 'drain'), ended]);
  }

  async finish(): Promise<void> {
    if (!this.#running) return;
    const { child, ended } = this.#running;
    child.stdin.end('done\n');
    const { code, stderr } = await ended;
    if (code !== 0) throw this.#failure(stderr);
  }

  discard(): void {
    this.#running?.stop();
  }
}
