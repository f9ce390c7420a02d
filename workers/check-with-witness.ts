import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Credentials } from '../repository/age-files.ts';
import { checkLocation } from '../repository/check/check-location.ts';
import type { CheckReport, OnProgress } from '../repository/check/report.ts';
import { parseWitness, type Witness } from '../repository/check/witness.ts';
import { stateFolder } from '../sandbox/state-folder.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';

/** What a check is asked for. */
export interface CheckRequest extends CallOptions {
  /** Share of the packs, by bytes, that is read; 0 for none, 100 for all. */
  readonly readDataPercent: number;
  /** Where a sample begins, eight hexadecimal digits; by default where the last one ended. */
  readonly seed?: string;
  /** Forget what earlier checks saw: the location was set back, or something was removed, on purpose. */
  readonly acceptHistory?: boolean;
  readonly onProgress?: OnProgress;
}

/**
 * Checks a location against what earlier checks on this machine saw of it, and remembers what this one sees: a small file for each location in
 * the user's state folder. Without it (a new machine) a location that was set back as a whole cannot be told from a right one.
 */
export async function checkWithWitness(store: ObjectStore, credentials: Credentials, request: CheckRequest): Promise<CheckReport> {
  const file = witnessFile(store);
  const earlier = await readWitness(file);
  const { acceptHistory = false, seed, ...options } = request;
  const { report, witness } = await checkLocation(store, credentials, {
    ...options,
    seed: seed ?? (earlier?.nextSeed || randomBytes(4).toString('hex')),
    now: Date.now,
    ...(earlier && !acceptHistory ? { witness: earlier } : {}),
  });
  if (witness) await writeWitness(file, { ...witness, nextSeed: witness.nextSeed || (earlier?.nextSeed ?? '') });
  return report;
}

function witnessFile({ place }: ObjectStore): string {
  const name = createHash('sha256').update([place.scheme, place.endpoint, place.bucket, place.prefix].join('\n')).digest('hex');
  return join(stateFolder(), 'witness', `${name.slice(0, 32)}.json`);
}

/** A file that is not there or not whole is no witness. */
async function readWitness(file: string): Promise<Witness | undefined> {
  try {
    return parseWitness(await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeWitness(file: string, witness: Witness): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify(witness), { mode: 0o600 });
  await rename(temporary, file);
}
