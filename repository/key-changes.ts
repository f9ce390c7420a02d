import { HoldfastError } from '../contracts/failures.ts';
import type { KeyHolder } from '../contracts/manifest.ts';
import type { CallOptions } from '../storage/object-store.ts';
import { checkTarget, makeOpener, type AgeTarget } from './age-files.ts';
import { listHeldKeyFiles, newHolder, removeHolderFile, writeHolderFile, type HeldKeyFile, type KeyAdmin } from './key-holders.ts';

/** A holder and all that is stored for him. */
export interface HolderRow {
  readonly holder: KeyHolder;
  readonly known: boolean;
  /** Whether he has the data key that new backups are sealed with. */
  readonly current: boolean;
  /** Whether the key in use is his. */
  readonly opens: boolean;
}

export interface KeyAddition {
  readonly holder: KeyHolder;
  /** He could open it before. */
  readonly existed: boolean;
}

/** Everybody who can open the repository, in the order of their coming. */
export async function listHolders(admin: KeyAdmin, options: CallOptions = {}): Promise<HolderRow[]> {
  const rows = new Map<string, HolderRow>();
  const newest = admin.keys.newest.dataKey.number;
  for (const file of await listHeldKeyFiles(admin, options)) {
    const before = rows.get(file.holder.id);
    rows.set(file.holder.id, {
      holder: file.holder,
      known: file.known || (before?.known ?? false),
      current: isCurrent(file, newest) || (before?.current ?? false),
      opens: file.opens || (before?.opens ?? false),
    });
  }
  return [...rows.values()];
}

/**
 * Lets somebody else open the repository. Repeating it for a recipient, or with a passphrase, that opens it already changes nothing.
 * `Conflict` while a new data key is being made: which of both comes first is decided by who looks last.
 */
export async function addKey(
  admin: KeyAdmin,
  target: AgeTarget,
  given: CallOptions & { readonly label: string; readonly at: string },
): Promise<KeyAddition> {
  await checkTarget(target);
  await catchUp(admin, given);
  const existing = await findHolder(admin, target, given);
  if (existing) return { holder: existing.holder, existed: true };
  const holder = newHolder({ target, label: given.label, addedAt: given.at });
  const { newest } = admin.keys;
  const key = await writeHolderFile(admin, { holder, target }, given);
  try {
    await catchUp(admin, given);
    if (admin.keys.newest !== newest) throw underWay(admin);
  } catch (error) {
    await removeHolderFile(admin, key, given);
    throw error;
  }
  return { holder, existed: false };
}

/**
 * Deletes the key files of a holder. What he has read, and copies of his key file, remain his: only a new data key locks him out of what
 * is written from then on. Refuses the last holder and the one whose key is in use, unless `force`.
 */
export async function revokeKey(
  admin: KeyAdmin,
  id: string,
  options: CallOptions & { readonly force: boolean },
): Promise<{ readonly holder: KeyHolder; readonly locked: readonly string[] }> {
  const files = await listHeldKeyFiles(admin, options);
  const [mine, ...others] = [...new Set(files.filter(({ holder }) => holder.id.startsWith(id)).map(({ holder }) => holder.id))];
  if (mine === undefined || others.length > 0 || id.length < 4) {
    const what = mine === undefined || id.length < 4 ? 'no key' : 'several keys';
    throw new HoldfastError('NotFound', `${admin.store.url}: ${what} with the id ${JSON.stringify(id.slice(0, 40))}`, {
      advice: 'see "holdfast keys ls"',
    });
  }
  const own = files.filter(({ holder }) => holder.id === mine);
  const [first] = own;
  if (!first) throw new RangeError('a holder without files');
  if (!options.force) refuseLastOrInUse(admin, files, own);
  const locked: string[] = [];
  for (const { key } of own) if (!(await removeHolderFile(admin, key, options))) locked.push(key);
  return { holder: first.holder, locked };
}

function refuseLastOrInUse(admin: KeyAdmin, all: readonly HeldKeyFile[], own: readonly HeldKeyFile[]): void {
  const refuse = (what: string): never => {
    throw new HoldfastError('BadInput', `${admin.store.url}: this is ${what}`, { advice: 'add --yes to take it away nevertheless' });
  };
  if (own.length === all.length) refuse('the last key: without it nobody can open the repository any more');
  if (own.some(({ opens }) => opens)) refuse('the key in use: this location could not be opened with it any more');
}

/** Takes in what other processes have done to the keys. `Conflict` when a rotation is under way, or was cut off. */
async function catchUp(admin: KeyAdmin, options: CallOptions): Promise<void> {
  await admin.keys.learn();
  await admin.chain.read(options);
  if (admin.keys.hasAnnounced) throw underWay(admin);
}

async function findHolder(admin: KeyAdmin, target: AgeTarget, options: CallOptions): Promise<HeldKeyFile | undefined> {
  const files = (await listHeldKeyFiles(admin, options)).filter((file) => isCurrent(file, admin.keys.newest.dataKey.number));
  if ('recipient' in target) return files.find(({ holder }) => holder.recipient === target.recipient);
  const open = await makeOpener({ passphrase: target.passphrase });
  for (const file of files.filter(({ holder }) => holder.type === 'passphrase')) {
    if (await open(await admin.store.read(file.key, undefined, options))) return file;
  }
  return undefined;
}

function isCurrent({ known, dataKey }: HeldKeyFile, newest: number): boolean {
  return known && dataKey >= newest;
}

function underWay({ store }: KeyAdmin): HoldfastError {
  return new HoldfastError('Conflict', `${store.url}: a new data key is being made by another process, or one was not finished`, {
    advice: 'wait for it, or repeat "holdfast keys rotate", and try again',
  });
}
