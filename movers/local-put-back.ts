import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lchown, lstat, mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Writable } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { PutBackEntry } from './port.ts';
import { putBackPlace, STAGING } from './put-back-path.ts';
import type { PutBackProgress } from './put-back-progress.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface PutBackRun {
  readonly entries: readonly PutBackEntry[];
  readonly progress: PutBackProgress;
  readonly signal: AbortSignal;
}

/**
 * Puts entries into a volume that is a folder of this machine. Everything is made aside and then moved into its place, so that a link which
 * lies there is replaced and never written through.
 */
export async function putBackIn(root: string, { entries, progress, signal }: PutBackRun): Promise<void> {
  const staging = join(root, STAGING);
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  try {
    for (const entry of entries) {
      signal.throwIfAborted();
      await putOne(entry, { root, staging, content: progress.contentOf(entry), signal });
      progress.entryDone();
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

interface Put {
  readonly root: string;
  readonly staging: string;
  readonly content: AsyncIterable<Buffer>;
  readonly signal: AbortSignal;
}

async function putOne(entry: PutBackEntry, put: Put): Promise<void> {
  const { folders, name } = putBackPlace(entry.kind, entry.path);
  const folder = await folderIn(put.root, folders, { isMade: entry.kind !== 'absent' });
  if (folder === undefined) return;
  const target = join(folder, name);
  if (entry.kind === 'tar') {
    const unpacked = join(put.staging, 'tar');
    await unpack(unpacked, put);
    await merge(unpacked, folder, await lstat(folder));
    await rm(unpacked, { recursive: true });
    return;
  }
  await refuseFolder(target);
  if (entry.kind === 'absent') {
    await rm(target, { force: true });
    return;
  }
  const staged = join(put.staging, 'file');
  await writeFile(staged, put.content, { mode: 0o600 });
  await give(staged, await lstat(folder));
  await rename(staged, target);
}

/** The real path of a folder; what lacks of it is made for the owner of the folder above it, or the answer is undefined. */
async function folderIn(root: string, names: readonly string[], { isMade }: { readonly isMade: boolean }): Promise<string | undefined> {
  let folder = root;
  for (const name of names) {
    const next = join(folder, name);
    const there = await lstat(next).catch(ignoreMissing);
    if (!there) {
      if (!isMade) return undefined;
      await mkdir(next, { mode: 0o700 });
      await give(next, await lstat(folder));
    }
    folder = there?.isSymbolicLink() === true ? await realpath(next).catch(() => sep) : next;
    if (!`${folder}/`.startsWith(`${root}/`)) throw leadsOut(next);
    if (!(await lstat(folder)).isDirectory()) throw new HoldfastError(FailureType.BadInput, `${next}: is no folder`);
  }
  return folder;
}

async function refuseFolder(path: string): Promise<void> {
  const there = await lstat(path).catch(ignoreMissing);
  if (there?.isDirectory() === true) throw new HoldfastError(FailureType.BadInput, `${path}: is a folder, and a file is to be put there`);
}

/** Unpacks a tar into a new folder, where nothing is that it could be led astray by. */
async function unpack(folder: string, { content, signal }: Put): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  const child = spawn('tar', ['-x', '-p', '--no-same-owner', '-f', '-', '-C', folder], { stdio: ['pipe', 'ignore', 'pipe'] });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const ended = once(child, 'close') as Promise<[number | null]>;
    // The first to fail says why: a stream that breaks off ends the program, too.
    const fed = feed(child.stdin, content, signal).catch((error: unknown) => {
      stop();
      throw error;
    });
    const [[code], stderr] = await Promise.all([ended, text(child.stderr), fed]);
    signal.throwIfAborted();
    if (code !== 0)
      throw new HoldfastError(FailureType.BadInput, `tar cannot unpack what the plugin has kept: ${stderr.trim().slice(0, 300)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall?.startsWith('spawn') !== true) throw error;
    throw new HoldfastError(FailureType.Unavailable, 'tar could not be started', {
      advice: 'install tar where the worker runs',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Gives everything, also when it is not taken any more: the content says only at its end that it was whole. */
async function feed(stdin: Writable, content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  stdin.on('error', () => undefined);
  for await (const chunk of untilAborted(content, signal)) {
    if (!stdin.destroyed && !stdin.write(chunk)) await drained(stdin);
  }
  stdin.end();
}

/** Resolves when it takes more, or nothing any more. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/** Does not wait for content that hangs. */
async function* untilAborted(content: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const iterator = content[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const abort = () => {
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Moves what is in one folder over what is in another. */
async function merge(from: string, to: string, owner: Owner): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (!entry.isDirectory()) {
      await refuseFolder(target);
      await give(source, owner);
      await rename(source, target);
      continue;
    }
    const there = await lstat(target).catch(ignoreMissing);
    if (there?.isSymbolicLink() === true) throw leadsOut(target);
    if (!there) await mkdir(target);
    await give(target, owner);
    await chmod(target, (await lstat(source)).mode & 0o7777);
    await merge(source, target, owner);
  }
}

/** Who is not root can give nothing away, and needs not: everything is his. */
async function give(path: string, { uid, gid }: Owner): Promise<void> {
  const now = await lstat(path);
  if (now.uid !== uid || now.gid !== gid) await lchown(path, uid, gid);
}

function leadsOut(path: string): HoldfastError {
  return new HoldfastError(FailureType.Forbidden, `${path}: is a link, and nothing is put through links that may lead out of the volume`, {
    advice: 'look at the volume',
  });
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
