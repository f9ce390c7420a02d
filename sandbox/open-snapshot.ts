import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { upLocked } from './control-plane.ts';
import type { Sandbox, UpOptions } from './control-plane.ts';
import { readKeyNames } from './encryption-configuration.ts';
import { withLock } from './folder-lock.ts';
import { isThere, openedFiles, readOpenedPlace, writePrivately } from './opened-place.ts';
import type { OpenedPlace } from './opened-place.ts';
import { runningServer } from './process-keeper.ts';
import { resolveTools } from './resolve-tools.ts';
import { sandboxPaths, stateFolder } from './state-folder.ts';
import type { SandboxPaths } from './state-folder.ts';

export interface OpenSnapshotOptions extends Pick<UpOptions, 'name' | 'bin' | 'progress' | 'lifetime' | 'state' | 'signal'> {
  readonly opened: OpenedPlace;
  /** The snapshot as etcd streams it: the database and its trailing SHA-256. Read only when it is not there yet. */
  readonly content: () => AsyncIterable<Buffer>;
  /** Text of an EncryptionConfiguration. Secret. */
  readonly encryption?: string | undefined;
}

/**
 * Makes sure that a sandbox of that name shows an etcd snapshot: etcd and kube-apiserver on the snapshot's data at the snapshot's revision, with no
 * controllers. One that shows it already is joined. Rejects with `AlreadyExists` when the name is taken by something else, `BadInput` when the
 * snapshot or the configuration cannot be used, `NotFound` (binaries) or `Unavailable` (a server does not start).
 */
export async function openSnapshot(options: OpenSnapshotOptions): Promise<Sandbox> {
  const paths = sandboxPaths(options.name, options.state ?? stateFolder());
  if (options.encryption !== undefined) readKeyNames(options.encryption);
  return withLock(paths.lock, { signal: options.signal }, async () => {
    await refuseOther(paths, options.opened);
    await mkdir(paths.folder, { recursive: true, mode: 0o700 });
    await writePrivately(openedFiles(paths).place, JSON.stringify(options.opened));
    if (!(await isThere(openedFiles(paths).data))) await unpack(paths, options);
    await giveEncryption(paths, options.encryption);
    return upLocked(paths, options);
  });
}

async function refuseOther(paths: SandboxPaths, { backup, snapshot }: OpenedPlace): Promise<void> {
  if (!(await isThere(paths.folder))) return;
  const there = await readOpenedPlace(paths);
  if (there?.snapshot === snapshot) return;
  const what = there ? `shows the snapshot of backup ${there.backup}` : 'is a cluster of its own';
  throw new HoldfastError(FailureType.AlreadyExists, `sandbox ${paths.name} ${what}`, {
    advice: `choose another name for the snapshot of ${backup} with --name`,
  });
}

/** The data appears whole or not at all: an opening that was killed begins again. */
async function unpack(paths: SandboxPaths, { content, bin, progress, signal }: OpenSnapshotOptions): Promise<void> {
  const files = openedFiles(paths);
  const tools = await resolveTools(['etcdutl', 'etcd', 'kube-apiserver'], { bin, progress, signal });
  const startedMs = performance.now();
  const say = (message: string) => progress?.({ tool: 'snapshot', source: 'start', message, elapsedMs: performance.now() - startedMs });
  await rm(files.unfinishedData, { recursive: true, force: true });
  try {
    say('reading it from the location');
    await pipeline(content, createWriteStream(files.snapshot, { mode: 0o600 }), { ...(signal ? { signal } : {}) });
    say('unpacking it');
    await restoreSnapshot(tools.get('etcdutl') ?? 'etcdutl', { from: files.snapshot, to: files.unfinishedData, signal });
    await rename(files.unfinishedData, files.data);
  } finally {
    for (const leftover of [files.snapshot, files.unfinishedData]) await rm(leftover, { recursive: true, force: true });
  }
}

interface SnapshotRestore {
  readonly from: string;
  readonly to: string;
  readonly signal: AbortSignal | undefined;
}

/** The revision stays what it was; the snapshot's own hash is checked. */
async function restoreSnapshot(etcdutl: string, { from, to, signal }: SnapshotRestore): Promise<void> {
  const call = ['snapshot', 'restore', from, `--data-dir=${to}`];
  try {
    await promisify(execFile)(etcdutl, call, { env: { PATH: process.env['PATH'] }, ...(signal ? { signal } : {}) });
  } catch (error) {
    signal?.throwIfAborted();
    const words = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    const last = words.trim().split('\n').at(-1) ?? '';
    throw new HoldfastError(FailureType.BadInput, `etcdutl does not take the snapshot: ${last.slice(0, 300)}`, {
      advice: 'check the location with `holdfast repository check --read-data`, and take an earlier backup',
      cause: error,
    });
  }
}

/** An API server that runs has read its keys already, and gets no others. */
async function giveEncryption(paths: SandboxPaths, encryption: string | undefined): Promise<void> {
  if (encryption === undefined) return;
  const { encryption: file } = openedFiles(paths);
  const there = await readFile(file, 'utf8').catch(() => undefined);
  if (there === encryption) return;
  if ((await runningServer(paths.folder, 'kube-apiserver')) !== undefined) {
    throw new HoldfastError(FailureType.AlreadyExists, `sandbox ${paths.name} shows the snapshot with other keys, or without any`, {
      advice: `end it with \`holdfast sandbox down --name ${paths.name}\` and open it again`,
    });
  }
  await writePrivately(file, encryption);
}
