import { randomBytes } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { KeyHolder, RotationManifest } from '../contracts/manifest.ts';
import type { CallOptions } from '../storage/object-store.ts';
import { makeOpener, type AgeTarget } from './age-files.ts';
import type { ChainEntry } from './chain-entries.ts';
import { isFailure } from './failures.ts';
import { listHeldKeyFiles, removeHolderFile, writeHolderFile, type HeldKeyFile, type KeyAdmin } from './key-holders.ts';
import { KEY_BYTES, LAST_DATA_KEY, type DataKey } from './key-material.ts';
import type { CommitResult } from './manifest-chain.ts';
import { BoxSealer } from './sealed-box.ts';

export interface RotationRequest extends CallOptions {
  /** Of the holders that have one: their key files cannot be written anew without. */
  readonly passphrases: readonly string[];
  /** Leave out holders whose passphrase was not given, instead of refusing. */
  readonly dropPassphrases: boolean;
  /** Leave out key files of which nobody knows whose they are, instead of refusing. */
  readonly dropUnknown: boolean;
  /** log2 of scrypt's N for new key files of passphrases; age's default is 18. */
  readonly scryptWorkFactor?: number;
  /** ISO-8601. */
  readonly at: string;
}

export interface RotationResult {
  /** Number of the data key that everything is sealed with from now on. */
  readonly number: number;
  /** The manifest that brought it into use. */
  readonly sequence: number;
  /** An earlier call was cut off; this one has finished it, and made no other data key. */
  readonly finished: boolean;
  readonly holders: readonly KeyHolder[];
  readonly dropped: readonly KeyHolder[];
  /** Keys of old key files that a lock of the store keeps for now. */
  readonly locked: readonly string[];
}

/** Somebody who is to keep his access, with what his next key file is made for. */
interface Keeper {
  readonly holder: KeyHolder;
  readonly target: AgeTarget;
}

interface Plan {
  readonly keepers: readonly Keeper[];
  readonly dropped: readonly KeyHolder[];
}

interface Fence {
  readonly rotation: RotationManifest;
  readonly sequence: number;
}

/**
 * Gives the repository a new data key: what is written from then on cannot be read with key files from before. Nothing stored is rewritten.
 *
 * 1. Each holder gets a key file that announces the key; it is not sealed with yet. 2. An entry of the chain, sealed with it, brings it into
 * use: writers read the chain before they write to it, so none can miss it, and of two rotations at once one comes second and undoes its
 * announcement (`Conflict`). 3. Each holder gets a key file that says since when the key counts, then the files from before are deleted.
 * Cut off before 2, nothing has changed; later, the next call finishes. At every moment each holder has a file with all keys in use.
 */
export async function rotateKeys(admin: KeyAdmin, request: RotationRequest): Promise<RotationResult> {
  await admin.keys.learn();
  const { entries } = await admin.chain.read(request);
  const files = await listHeldKeyFiles(admin, request);
  const newest = admin.keys.newest.dataKey.number;
  const last = entries.findLast(({ content }) => isRotation(content, newest));
  if (last && 'manifest' in last.content && last.content.manifest.type === 'rotation') {
    const fence = { rotation: last.content.manifest, sequence: last.sequence };
    if (await isUnfinished(admin, { fence, files }, request)) {
      const keepers = await keepersOf(admin, { holders: fence.rotation.holders, files }, request);
      return settle(admin, { fence, files, ...keepers, finished: true }, request);
    }
  }
  return rotateAnew(admin, files, request);
}

async function rotateAnew(admin: KeyAdmin, before: readonly HeldKeyFile[], request: RotationRequest): Promise<RotationResult> {
  const dataKey = nextDataKey(admin, request.at);
  const written: string[] = [];
  let isAsked = false;
  try {
    let plan = await planFor(admin, before, request);
    let files = before;
    // Whoever is let in while this goes on either sees the announcement and steps back, or is seen here.
    for (let announced = new Set<string>(); ;) {
      for (const keeper of plan.keepers.filter(({ holder }) => !announced.has(holder.id))) {
        written.push(await writeHolderFile(admin, { ...keeper, dataKeys: [...admin.keys.dataKeys, dataKey] }, request));
      }
      announced = new Set(plan.keepers.map(({ holder }) => holder.id));
      files = await listHeldKeyFiles(admin, request);
      plan = await planFor(
        admin,
        files.filter(({ key }) => !written.includes(key)),
        request,
      );
      if (plan.keepers.every(({ holder }) => announced.has(holder.id))) break;
    }
    const holders = plan.keepers.map(({ holder }) => holder);
    isAsked = true;
    const fence = await bringIntoUse(admin, { dataKey, holders }, request);
    return await settle(admin, { ...plan, fence, files, finished: false }, request);
  } catch (error) {
    // A manifest that was asked for may be stored although the store did not say so: then the announcements are all that opens it.
    if (!isAsked || isFailure(error, 'Conflict')) {
      for (const key of written) await removeHolderFile(admin, key, request).catch(() => false);
    }
    throw error;
  }
}

function nextDataKey({ keys, store }: KeyAdmin, at: string): DataKey {
  const number = keys.newest.dataKey.number + 1;
  if (number > LAST_DATA_KEY) {
    throw new HoldfastError('BadInput', `${store.url}: the repository has had ${LAST_DATA_KEY} data keys, which is all there can be`, {
      advice: 'make a new repository for backups from now on',
    });
  }
  return { number, secret: randomBytes(KEY_BYTES), sinceSequence: 0, createdAt: at };
}

async function bringIntoUse(
  admin: KeyAdmin,
  next: { readonly dataKey: DataKey; readonly holders: readonly KeyHolder[] },
  request: RotationRequest,
): Promise<Fence> {
  const { number } = next.dataKey;
  const rotation: RotationManifest = { formatVersion: 1, type: 'rotation', at: request.at, number, holders: next.holders };
  const earlier = (entries: readonly ChainEntry[]): CommitResult | undefined => {
    if (!admin.keys.isDecided(number)) return undefined;
    // The store may have done what it did not answer.
    if (admin.keys.candidates(number).some((keys) => keys.dataKey.secret.equals(next.dataKey.secret))) {
      return entries.find(({ content }) => isRotation(content, number));
    }
    throw new HoldfastError('Conflict', `${admin.store.url}: another process has given the repository a new data key just now`, {
      advice: 'see "holdfast keys ls"; repeat it only if that one is not what you want',
    });
  };
  const sealer = new BoxSealer(admin.keys.with(next.dataKey));
  const { sequence } = await admin.chain.append({ ...request, sealer }, (entries) => {
    const done = earlier(entries);
    return done ? { done } : { append: rotation };
  });
  admin.keys.take([{ ...next.dataKey, sinceSequence: sequence }]);
  return { rotation, sequence };
}

/** Step 3. `files` are those that the new ones replace. */
async function settle(
  admin: KeyAdmin,
  work: Plan & { readonly fence: Fence; readonly files: readonly HeldKeyFile[]; readonly finished: boolean },
  request: RotationRequest,
): Promise<RotationResult> {
  const { fence, files, keepers, dropped, finished } = work;
  const isNew = (file: HeldKeyFile): boolean => isSettled(file, fence);
  for (const keeper of keepers) {
    const own = files.filter(({ holder }) => holder.id === keeper.holder.id);
    // Nothing left of his: he was revoked meanwhile.
    if (own.length > 0 && !own.some(isNew)) await writeHolderFile(admin, keeper, request);
  }
  const locked: string[] = [];
  for (const file of files.filter((candidate) => !isNew(candidate))) {
    if (!(await removeHolderFile(admin, file.key, request))) locked.push(file.key);
  }
  return {
    number: fence.rotation.number,
    sequence: fence.sequence,
    finished,
    holders: keepers.map(({ holder }) => holder),
    dropped,
    locked,
  };
}

/** Whether key files from before the rotation are left that no lock keeps. */
async function isUnfinished(
  admin: KeyAdmin,
  { fence, files }: { readonly fence: Fence; readonly files: readonly HeldKeyFile[] },
  options: CallOptions,
): Promise<boolean> {
  const invited = new Set(fence.rotation.holders.map(({ id }) => id));
  for (const file of files) {
    if (!invited.has(file.holder.id) || isSettled(file, fence) || file.dataKey > fence.rotation.number) continue;
    const found = await admin.store.stat(file.key, options);
    if (found && found.lockedUntil === undefined) return true;
  }
  return false;
}

function isSettled(file: HeldKeyFile, { rotation, sequence }: Fence): boolean {
  return file.known && file.dataKey === rotation.number && file.sinceSequence === sequence;
}

/** Everybody whose key files are there; `BadInput` when nobody knows whose one of them is. */
async function planFor(admin: KeyAdmin, files: readonly HeldKeyFile[], request: RotationRequest): Promise<Plan> {
  const known = files.filter((file) => file.known);
  const holders = [...new Map(known.map(({ holder }) => [holder.id, holder])).values()];
  const unknown = files.filter((file) => !file.known && !holders.some(({ id }) => id === file.holder.id));
  const [first] = unknown;
  if (first && !request.dropUnknown) {
    throw new HoldfastError('BadInput', `${admin.store.url}: nobody knows whose ${first.key} is (${unknown.length} such)`, {
      advice: 'add that holder again with "holdfast keys add", then rotate with --drop-unknown',
    });
  }
  const plan = await keepersOf(admin, { holders, files }, request);
  if (plan.keepers.length === 0) {
    throw new HoldfastError('BadInput', `${admin.store.url}: nobody would be left to open the repository`, {
      advice: 'give the passphrase, or add a recipient first',
    });
  }
  return { keepers: plan.keepers, dropped: [...plan.dropped, ...unknown.map(({ holder }) => holder)] };
}

async function keepersOf(
  admin: KeyAdmin,
  from: { readonly holders: readonly KeyHolder[]; readonly files: readonly HeldKeyFile[] },
  request: RotationRequest,
): Promise<Plan> {
  const keepers: Keeper[] = [];
  const dropped: KeyHolder[] = [];
  for (const holder of from.holders) {
    const own = from.files.filter((file) => file.holder.id === holder.id);
    if (own.length === 0) continue;
    const target = holder.type === 'recipient' ? { recipient: holder.recipient } : await passphraseFor(admin, own, request);
    if (target) keepers.push({ holder, target });
    else if (request.dropPassphrases) dropped.push(holder);
    else {
      throw new HoldfastError('BadInput', `${admin.store.url}: the passphrase of key ${holder.id} (${holder.label}) is needed`, {
        advice: 'give it with --passphrase-file, or leave its holder out with --drop-passphrases',
      });
    }
  }
  return { keepers, dropped };
}

/** Which of the given passphrases opens the holder's files. */
async function passphraseFor(admin: KeyAdmin, own: readonly HeldKeyFile[], request: RotationRequest): Promise<AgeTarget | undefined> {
  const work = request.scryptWorkFactor === undefined ? {} : { scryptWorkFactor: request.scryptWorkFactor };
  for (const passphrase of request.passphrases) {
    const open = await makeOpener({ passphrase });
    for (const { key } of own) if (await open(await admin.store.read(key, undefined, request))) return { passphrase, ...work };
  }
  return undefined;
}

function isRotation(content: object, number: number): boolean {
  if (!('manifest' in content)) return false;
  const { manifest } = content as { readonly manifest: { readonly type: string; readonly number?: number } };
  return manifest.type === 'rotation' && manifest.number === number;
}
