import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { LocalRestic } from './local-restic.ts';
import type { VolumeRepository } from './port.ts';
import { configArguments, initArguments } from './restic-command.ts';
import { Exit, resticFailure } from './restic-failure.ts';

export interface EnsureOptions {
  readonly signal: AbortSignal;
  /**
   * How long another process is given to make it, in milliseconds: 0 for whoever has just written down its password, create-only, and so is
   * the one who makes it; a minute for everybody else, who make it themselves only when that one died.
   */
  readonly patienceMs: number;
}

const POLL_MS = 500;

/** Calls of this process, by address. */
const underWay = new Map<string, Promise<void>>();

/**
 * Returns when there is a restic repository and its password opens it. Makes it when there is none, once also when several want it at the
 * same time. Rejects with `BadInput` for a wrong password.
 */
export async function ensureRepository(restic: LocalRestic, repository: VolumeRepository, options: EnsureOptions): Promise<void> {
  const before = underWay.get(repository.url) ?? Promise.resolve();
  const call = before.catch(() => undefined).then(() => ensure(restic, repository, options));
  underWay.set(repository.url, call);
  try {
    await call;
  } finally {
    if (underWay.get(repository.url) === call) underWay.delete(repository.url);
  }
}

async function ensure(restic: LocalRestic, repository: VolumeRepository, { signal, patienceMs }: EnsureOptions): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await opens(restic, repository, signal))) {
    if (performance.now() < deadline) {
      await delay(POLL_MS, undefined, { signal });
      continue;
    }
    await (repository.url.startsWith('/') ? makeFolder : make)(restic, repository, signal);
    if (await opens(restic, repository, signal)) return;
    throw new HoldfastError(FailureType.Unavailable, `restic repository at ${repository.url}: is not there after it was made`);
  }
}

/** False when there is no repository. */
async function opens(restic: LocalRestic, repository: VolumeRepository, signal: AbortSignal): Promise<boolean> {
  const ended = await restic.run(repository, configArguments(restic.context(repository)), { signal });
  if (ended.code === Exit.NoRepository) return false;
  if (ended.code === Exit.Done) return true;
  throw resticFailure(ended, 'opening the restic repository', repository);
}

async function make(restic: LocalRestic, repository: VolumeRepository, signal: AbortSignal): Promise<void> {
  const ended = await restic.run(repository, initArguments(restic.context(repository)), { signal });
  // Somebody else was faster.
  if (ended.code === Exit.Done || ended.output.exit?.message.includes('already exist') === true) return;
  throw resticFailure(ended, 'making the restic repository', repository);
}

/** restic makes several files, so two at once would mix theirs: each makes its own, and one of them gets the name. */
async function makeFolder(restic: LocalRestic, repository: VolumeRepository, signal: AbortSignal): Promise<void> {
  const unfinished = `${repository.url}.unfinished-${randomBytes(4).toString('hex')}`;
  await mkdir(dirname(repository.url), { recursive: true, mode: 0o700 });
  try {
    await make(restic, { ...repository, url: unfinished }, signal);
    await rename(unfinished, repository.url);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
