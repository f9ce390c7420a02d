import { z } from 'zod';
import { KEY_FILES, RECORDS } from '../layout.ts';
import { lastEntry, type ChainEntry } from '../chain-entries.ts';
import type { Findings } from './findings.ts';
import type { Inventory } from './inventory.ts';

/** Digits of a name that are remembered: enough to tell names apart. */
const DIGITS = 16;

/**
 * What somebody outside of the location remembers of it, since a location that was set back as a whole to an earlier state looks right from
 * the inside. Plain JSON without secrets.
 */
const witness = z.object({
  repository: z.string(),
  /** The newest entry of the chain that was seen, 0 and '' when there was none, and the hash of its file. */
  sequence: z.number().int().nonnegative(),
  hash: z.string(),
  seenAt: z.string(),
  /** Beginnings of the names of records and key files. */
  records: z.array(z.string()),
  keyFiles: z.array(z.string()),
  /** Number of the newest condemned list, 0 when there was none. */
  list: z.number().int().nonnegative().default(0),
  /** Where the next sample of packs begins. */
  nextSeed: z.string(),
});
export type Witness = Readonly<z.infer<typeof witness>>;

/** Undefined for what is no witness: one that was damaged, or that another version wrote. */
export function parseWitness(text: string): Witness | undefined {
  try {
    return witness.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Compares what is there with what was there before, as far as the chain does not say it: whether something is gone. */
export function compareWithWitness(
  findings: Findings,
  inventory: Inventory,
  { url, witness: seen }: { readonly url: string; readonly witness: Witness },
): boolean {
  const missing = (kind: 'records' | 'keyFiles', prefix: string): readonly string[] => {
    const present = new Set(inventory[kind].map((key) => short(key, prefix)));
    return seen[kind].filter((name) => !present.has(name));
  };
  const [records, keyFiles] = [missing('records', RECORDS), missing('keyFiles', KEY_FILES)];
  for (const name of records) {
    findings.add('spare', `${RECORDS}${name}`, {
      code: 'RecordGone',
      message: `${url}: ${RECORDS}${name}... was there at ${seen.seenAt} and is gone`,
      advice: 'no backup needs it: it was the account of a run; if nobody here removed it, somebody else can write to the location',
    });
  }
  for (const name of keyFiles) {
    findings.add('spare', `${KEY_FILES}${name}`, {
      code: 'KeyFileGone',
      message: `${url}: ${KEY_FILES}${name}... was there at ${seen.seenAt} and is gone: its holder cannot open the repository any more`,
      advice: 'if it was revoked, accept it with `holdfast repository check --accept-history`; otherwise bring it back from a copy',
    });
  }
  return records.length + keyFiles.length > 0;
}

/** What to remember after a look at a location. */
export function witnessOf(
  repository: string,
  inventory: Inventory,
  seen: { readonly entries: readonly ChainEntry[]; readonly list: number; readonly seenAt: string; readonly nextSeed: string },
): Witness {
  const last = lastEntry(seen.entries);
  return {
    repository,
    sequence: last?.sequence ?? 0,
    hash: last?.hash ?? '',
    seenAt: seen.seenAt,
    records: inventory.records.map((key) => short(key, RECORDS)),
    keyFiles: inventory.keyFiles.map((key) => short(key, KEY_FILES)),
    list: seen.list,
    nextSeed: seen.nextSeed,
  };
}

function short(key: string, prefix: string): string {
  return key.slice(prefix.length, prefix.length + DIGITS);
}
