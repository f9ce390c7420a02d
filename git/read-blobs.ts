import { BrokenClone } from './git-failure.ts';
import type { RunningGit } from './run-git.ts';

/** Contents of blobs from a running `git cat-file --batch`, in the order asked. */
export async function* readBlobs({ child, ended, stop }: RunningGit, blobs: readonly string[]): AsyncGenerator<Buffer> {
  child.stdin.end(blobs.map((id) => `${id}\n`).join(''));
  const input = new Bytes(child.stdout);
  try {
    for (const id of blobs) {
      const header = await input.line();
      const [, size = ''] = /^[0-9a-f]{40} blob (\d+)$/.exec(header) ?? [];
      if (size === '') throw new BrokenClone(`the clone lacks ${id}`);
      yield await input.take(Number(size));
      await input.take(1);
    }
    await ended;
  } finally {
    stop();
  }
}

/** Takes lines and counted bytes from a stream. */
class Bytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    let end = this.#held.indexOf('\n');
    while (end < 0) {
      await this.#more(1);
      end = this.#held.indexOf('\n');
    }
    const line = this.#held.subarray(0, end).toString('utf8');
    this.#held = this.#held.subarray(end + 1);
    return line;
  }

  async take(count: number): Promise<Buffer> {
    if (this.#held.length < count) await this.#more(count - this.#held.length);
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(count: number): Promise<void> {
    const read: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new BrokenClone('git ended before it had given all contents');
      read.push(next.value);
      missing -= next.value.length;
    }
    this.#held = Buffer.concat([this.#held, ...read]);
  }
}
