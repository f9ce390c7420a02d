import { randomInt } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** Below the range that operating systems hand out by themselves, so that no outgoing connection takes a port between choosing and listening. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const ATTEMPTS = 50;
const PATIENT_ATTEMPTS = 5;
const PAUSE_MS = 200;
const PORTS_FILE = 'ports.json';

/** A port on 127.0.0.1 that nobody listens on right now. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isFree(port)) return port;
  }
  throw new HoldfastError(FailureType.Unavailable, `no free port found on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT}`);
}

/**
 * The ports of the servers of one folder, one for each name. They are kept in `ports.json`, so that addresses survive a restart; a port that
 * somebody else has taken since then is replaced. `inUse` names those that our own running servers listen on.
 */
export async function rememberedPorts<Name extends string>(
  folder: string,
  names: readonly Name[],
  inUse: ReadonlySet<string> = new Set(),
): Promise<Readonly<Record<Name, number>>> {
  const file = join(folder, PORTS_FILE);
  const known = await readPorts(folder);
  const ports = new Map<Name, number>();
  for (const name of names) {
    const port = known[name];
    const keep = port !== undefined && (inUse.has(name) || (await isFreeSoon(port)));
    ports.set(name, keep ? port : await freePort());
  }
  const chosen = Object.fromEntries(ports) as Record<Name, number>;
  await writeFile(`${file}.new`, `${JSON.stringify(chosen)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return chosen;
}

/** The ports of a folder's servers as they were last chosen; empty when there are none. */
export async function readPorts(folder: string): Promise<Readonly<Record<string, number>>> {
  const text = await readFile(join(folder, PORTS_FILE), 'utf8').catch(() => '{}');
  try {
    const ports: unknown = JSON.parse(text);
    if (typeof ports !== 'object' || ports === null) return {};
    return Object.fromEntries(Object.entries(ports).filter((entry): entry is [string, number] => Number.isInteger(entry[1])));
  } catch {
    return {};
  }
}

/** A server that has just been killed may hold its port for a moment longer. */
async function isFreeSoon(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < PATIENT_ATTEMPTS; attempt += 1) {
    if (await isFree(port)) return true;
    await sleep(PAUSE_MS);
  }
  return false;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
