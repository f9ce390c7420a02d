import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { CsiError } from './csi-error.ts';

/** How control groups are frozen: of the first version by a hierarchy of its own. */
interface Freezer {
  readonly root: string;
  readonly file: string;
  readonly freeze: string;
  readonly thaw: string;
  /** What says whether all processes have stopped. */
  readonly answer: { readonly file: string; readonly frozen: RegExp };
}

const FIRST: Freezer = {
  root: '/sys/fs/cgroup/freezer',
  file: 'freezer.state',
  freeze: 'FROZEN',
  thaw: 'THAWED',
  answer: { file: 'freezer.state', frozen: /^FROZEN$/m },
};
const SECOND: Freezer = {
  root: '/sys/fs/cgroup',
  file: 'cgroup.freeze',
  freeze: '1',
  thaw: '0',
  answer: { file: 'cgroup.events', frozen: /^frozen 1$/m },
};

const PATIENCE_MS = 10_000;
const POLL_MS = 5;

/**
 * Stops pods for the moment in which their volumes are copied: a copy of folders takes a while, and a snapshot must hold what was there at one
 * point in time. A storage system would do it below the file system; a folder has nothing below.
 */
export class PodFreezer {
  readonly #groups: string;
  readonly #freezer: Freezer;

  private constructor(groups: string, freezer: Freezer) {
    this.#groups = groups;
    this.#freezer = freezer;
  }

  /** `cgroup` is the one of all pods, from the root of each hierarchy. What a driver before us has left frozen runs again. */
  static async open(cgroup: string): Promise<PodFreezer> {
    const isFirst = await access(FIRST.root).then(
      () => true,
      () => false,
    );
    const freezer = isFirst ? FIRST : SECOND;
    const opened = new PodFreezer(join(freezer.root, cgroup), freezer);
    for (const group of await opened.#groupsOf(() => true)) await opened.#set(group, freezer.thaw);
    return opened;
  }

  /** Does the work while no process of the pods (by uid) runs. */
  async during<T>(pods: ReadonlySet<string>, work: () => Promise<T>): Promise<T> {
    const groups = await this.#groupsOf((uid) => pods.has(uid));
    try {
      for (const group of groups) await this.#set(group, this.#freezer.freeze);
      for (const group of groups) await this.#awaitFrozen(group);
      return await work();
    } finally {
      for (const group of groups) await this.#set(group, this.#freezer.thaw);
    }
  }

  async #groupsOf(takes: (uid: string) => boolean): Promise<readonly string[]> {
    const found: string[] = [];
    for (const entry of await readdir(this.#groups, { recursive: true, withFileTypes: true })) {
      const uid = entry.isDirectory() ? /^pod(.+)$/.exec(entry.name)?.[1] : undefined;
      if (uid !== undefined && takes(uid)) found.push(join(entry.parentPath, entry.name));
    }
    return found;
  }

  async #awaitFrozen(group: string): Promise<void> {
    const { file, frozen } = this.#freezer.answer;
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const state = await readFile(join(group, file), 'utf8').catch(isGone);
      if (state === undefined || frozen.test(state)) return;
      if (performance.now() > deadline) throw new CsiError(status.UNAVAILABLE, `the pod of ${group} does not stop to be copied`);
      await sleep(POLL_MS);
    }
  }

  async #set(group: string, value: string): Promise<void> {
    await writeFile(join(group, this.#freezer.file), value).catch(isGone);
  }
}

/** A pod that has ended writes nothing any more. */
function isGone(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code !== 'ENOENT' && code !== 'ENODEV') throw error;
}
