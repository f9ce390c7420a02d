import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^\.holdfast-etcd-(\d+)-[0-9a-f]{8}$/;

/**
 * Does something with a folder of our own in `parent`: on the same file system as what comes out, so that it can be put in place by renaming, and
 * closed to others, because snapshots hold secrets. It is removed whatever happens; what a killed process left there is removed by the next.
 */
export async function withPrivateFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers(parent);
  const folder = join(parent, `.holdfast-etcd-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(NAME.exec(name)?.[1] ?? Number.NaN);
    if (!Number.isNaN(pid) && !isRunning(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
