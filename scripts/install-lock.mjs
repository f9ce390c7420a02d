import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 2_000;
/** A holder that has not touched its lock for this long was killed. */
const STALE_MS = 15_000;

/** Runs `work` while no other process installs into the same project. */
export async function withInstallLock(root, say, work) {
  const lock = join(tmpdir(), `holdfast-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.lock`);
  for (let attempt = 0; !tryLock(lock); attempt += 1) {
    if (attempt === 0) say(`another process installs the packages already, waiting for it (${lock})`);
    removeIfStale(lock);
    await sleep(200);
  }
  const beating = setInterval(() => touch(lock), BEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(beating);
    rmSync(lock, { recursive: true, force: true });
  }
}

function tryLock(lock) {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moved away before it is removed: of two who see the same stale lock, one gets it; who moved a newer one by mistake puts it back. */
function removeIfStale(lock) {
  const seen = statOrUndefined(lock);
  if (!seen || Date.now() - seen.mtimeMs < STALE_MS) return;
  const aside = `${lock}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (statOrUndefined(aside)?.ino === seen.ino) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, lock);
}

function statOrUndefined(path) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function touch(lock) {
  try {
    utimesSync(lock, new Date(), new Date());
  } catch {
    // Gone: somebody took us for dead. The install goes on; theirs checks the result again.
  }
}
