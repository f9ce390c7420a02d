import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { errorCode } from './error-code.ts';
import { isAlive, processIdentity } from './process-identity.ts';

/**
 * Leases say for whom servers run: the keeper of each server (keeper.sh) looks at this folder once a second and ends its server when no
 * valid lease is left. A process that is killed needs no goodbye: its lease stops being valid with it.
 */
const UNTIL_DOWN = 'until-down';

/** Keeps the servers running for as long as process `pid` lives, or until the returned function is called. */
export async function addProcessLease(leases: string, pid: number): Promise<() => Promise<void>> {
  const identity = processIdentity(pid);
  if (identity === undefined) {
    throw new HoldfastError(FailureType.BadInput, `process ${pid} cannot hold a lease in ${leases}: it is not running`);
  }
  const name = `${pid}-${randomBytes(4).toString('hex')}`;
  await put(leases, name, `${identity}\n`);
  return () => rm(join(leases, name), { force: true });
}

/** Keeps the servers running until the leases are cleared, or the returned function is called. */
export async function addUntilDownLease(leases: string): Promise<() => Promise<void>> {
  await put(leases, UNTIL_DOWN, '\n');
  return () => rm(join(leases, UNTIL_DOWN), { force: true });
}

/** Removes every lease: the keepers end their servers within seconds. */
export async function clearLeases(leases: string): Promise<void> {
  for (const name of await names(leases)) await rm(join(leases, name), { force: true });
}

/** Removes the leases of process `pid`; true when valid ones of others are left. */
export async function endProcessLeases(leases: string, pid: number): Promise<boolean> {
  for (const name of await names(leases)) if (name.startsWith(`${pid}-`)) await rm(join(leases, name), { force: true });
  await removeDeadLeases(leases);
  return (await names(leases)).some((name) => !name.startsWith('.'));
}

/** Removes the leases of processes that are gone. Servers do not depend on it; it keeps the folder small. */
export async function removeDeadLeases(leases: string): Promise<void> {
  for (const name of await names(leases)) {
    if (name === UNTIL_DOWN || name.startsWith('.')) continue;
    const identity = (await readFile(join(leases, name), 'utf8').catch(() => '')).trim();
    if (!isAlive({ pid: Number.parseInt(name, 10), identity })) await rm(join(leases, name), { force: true });
  }
}

/** A keeper sees the whole lease or none. */
async function put(leases: string, name: string, content: string): Promise<void> {
  await mkdir(leases, { recursive: true, mode: 0o700 });
  const temporary = join(leases, `.${name}`);
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, join(leases, name));
}

async function names(leases: string): Promise<readonly string[]> {
  try {
    return await readdir(leases);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
