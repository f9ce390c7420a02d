import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Kinds of encrypted content; each has keys of its own, so that one can never pass for another. */
export type BoxKind = 'segment' | 'trailer' | 'index' | 'manifest' | 'record' | 'condemned';

type MasterPurpose = 'segment/id' | 'record/id' | 'config/mac';
type BoxPurpose = `${BoxKind}/data` | `${BoxKind}/nonce`;

/** Length of the master key and of every data key. */
export const KEY_BYTES = 32;
/** Data keys are numbered by four bits of a box; 0 is the master key. */
export const LAST_DATA_KEY = 15;
const REPOSITORY_ID = /^[0-9a-f]{32}$/;

/** Whether a text has the form of a repository id: 128 bits, hexadecimal. */
export function isRepositoryId(id: string): boolean {
  return REPOSITORY_ID.test(id);
}

/** A key that took the master key's place for boxes when the repository was given a new one. */
export interface DataKey {
  /** 1 to 15. */
  readonly number: number;
  readonly secret: Buffer;
  /** The manifest that made it count: this one and later ones must be sealed with it or a later key. 0: announced, not in use yet. */
  readonly sinceSequence: number;
  /** ISO-8601. */
  readonly createdAt: string;
}

/** Keys for boxes, from one data key. */
export class BoxKeys {
  readonly dataKey: DataKey;
  readonly #derive: Deriver<BoxPurpose>;

  constructor(repositoryId: string, dataKey: DataKey) {
    this.dataKey = dataKey;
    this.#derive = new Deriver(repositoryId, dataKey.secret);
  }

  key(purpose: BoxPurpose): KeyObject {
    return this.#derive.key(purpose);
  }

  /** HMAC-SHA256 of the parts, one after the other. */
  mac(purpose: BoxPurpose, ...parts: readonly (string | Uint8Array)[]): Buffer {
    return this.#derive.mac(purpose, parts);
  }
}

/** Where keys come from. */
export interface KeySource {
  /** Reads what is new and gives it to `take`. */
  learn(): Promise<void>;
  /** Whether a key file that we opened is there still: otherwise our key was taken away. */
  isHolder(): Promise<boolean>;
}

/** Keys that are known in full from the start. */
const NO_SOURCE: KeySource = { learn: () => Promise.resolve(), isHolder: () => Promise.resolve(true) };

interface Slot {
  readonly keys: BoxKeys;
  sinceSequence: number;
  /** Whether something in the repository is sealed with it, or a key file says so: an announced key is not sealed with. */
  inUse: boolean;
}

/**
 * The keys of one repository: the master key, which names things, and the data keys, which seal them. Grows when another process has
 * given the repository a new data key. Never leaves the process, never appears in messages.
 */
export class KeyMaterial {
  readonly repositoryId: string;
  readonly masterKey: Buffer;
  readonly #names: Deriver<MasterPurpose>;
  /** Several under one number while it is not decided which of two rotations came first. */
  readonly #slots = new Map<number, Slot[]>();
  readonly #source: KeySource;

  constructor(repositoryId: string, masterKey: Buffer, source = NO_SOURCE) {
    this.repositoryId = repositoryId;
    this.masterKey = masterKey;
    this.#names = new Deriver(repositoryId, masterKey);
    this.#source = source;
    this.#slots.set(0, [this.#slot({ number: 0, secret: masterKey, sinceSequence: 1, createdAt: '' })]);
  }

  /** HMAC-SHA256 of the parts, one after the other. */
  mac(purpose: MasterPurpose, ...parts: readonly (string | Uint8Array)[]): Buffer {
    return this.#names.mac(purpose, parts);
  }

  /** Compares a stored mac in constant time. */
  verifies(purpose: MasterPurpose, message: string, hex: string): boolean {
    const stored = Buffer.from(hex, 'hex');
    const right = this.mac(purpose, message);
    return stored.length === right.length && timingSafeEqual(stored, right);
  }

  /** What new boxes are sealed with: the newest data key in use. */
  get newest(): BoxKeys {
    const number = Math.max(...[...this.#slots.keys()].filter((known) => this.isDecided(known)));
    const [slot] = this.#slots.get(number) ?? [];
    if (!slot) throw new Error('the master key is always in use');
    return slot.keys;
  }

  /** What a box of that number may have been sealed with; none when the number is not known here. */
  candidates(number: number): readonly BoxKeys[] {
    return (this.#slots.get(number) ?? []).map(({ keys }) => keys);
  }

  /** Whether a number stands for one key, once and for all. */
  isDecided(number: number): boolean {
    return this.#slots.get(number)?.some(({ inUse }) => inUse) ?? false;
  }

  /** Whether a data key was announced that nothing is sealed with so far. */
  get hasAnnounced(): boolean {
    return [...this.#slots.keys()].some((number) => !this.isDecided(number));
  }

  /** Data keys in use, by number, as key files list them. */
  get dataKeys(): DataKey[] {
    return [...this.#slots].flatMap(([number, slots]) =>
      number === 0 ? [] : slots.filter(({ inUse }) => inUse).map(({ keys, sinceSequence }) => ({ ...keys.dataKey, sinceSequence })),
    );
  }

  /** Takes in data keys from key files. What is decided stays: a rotation that came second has lost. */
  take(dataKeys: readonly DataKey[]): void {
    for (const dataKey of dataKeys.toSorted((a, b) => a.number - b.number)) {
      const slots = this.#slots.get(dataKey.number) ?? [];
      const known = slots.find(({ keys }) => keys.dataKey.secret.equals(dataKey.secret));
      if (!known && this.isDecided(dataKey.number)) continue;
      const slot = known ?? this.#slot(dataKey);
      if (slot.sinceSequence === 0) slot.sinceSequence = dataKey.sinceSequence;
      slot.inUse ||= dataKey.sinceSequence > 0;
      if (slot.inUse) this.#slots.set(dataKey.number, [slot]);
      else if (!known) this.#slots.set(dataKey.number, [...slots, slot]);
    }
  }

  /** An authentic box was sealed with these keys: they are the ones that their number stands for. */
  confirm(keys: BoxKeys): void {
    const slot = this.#slots.get(keys.dataKey.number)?.find((known) => known.keys === keys);
    if (!slot || slot.inUse) return;
    slot.inUse = true;
    this.#slots.set(keys.dataKey.number, [slot]);
  }

  /** The chain says from which manifest on a data key counts. */
  countsFrom(number: number, sequence: number): void {
    for (const slot of this.#slots.get(number) ?? []) if (slot.inUse && slot.sinceSequence === 0) slot.sinceSequence = sequence;
  }

  /** The oldest data key that a manifest of this sequence may be sealed with. */
  requiredFor(sequence: number): number {
    return Math.max(
      0,
      ...this.dataKeys.filter((key) => key.sinceSequence > 0 && key.sinceSequence <= sequence).map(({ number }) => number),
    );
  }

  /** Looks for data keys that other processes have made since. */
  learn(): Promise<void> {
    return this.#source.learn();
  }

  /** Whether we may still open the repository, as far as its key files say. */
  isHolder(): Promise<boolean> {
    return this.#source.isHolder();
  }

  /** The same keys and one more in use: for the first box that is sealed with it. */
  with(dataKey: DataKey): KeyMaterial {
    const more = new KeyMaterial(this.repositoryId, this.masterKey);
    more.take([...this.dataKeys, { ...dataKey, sinceSequence: Number.MAX_SAFE_INTEGER }]);
    return more;
  }

  #slot(dataKey: DataKey): Slot {
    const { sinceSequence } = dataKey;
    return { keys: new BoxKeys(this.repositoryId, dataKey), sinceSequence, inUse: sinceSequence > 0 };
  }
}

/** 32-byte keys by purpose, derived on first use; as key objects, since importing raw bytes for every frame would cost as much as hashing it. */
class Deriver<Purpose extends string> {
  readonly #salt: Buffer;
  readonly #secret: Buffer;
  readonly #derived = new Map<Purpose, KeyObject>();

  constructor(repositoryId: string, secret: Buffer) {
    this.#salt = Buffer.from(repositoryId, 'hex');
    this.#secret = secret;
  }

  key(purpose: Purpose): KeyObject {
    let key = this.#derived.get(purpose);
    if (!key) {
      key = createSecretKey(Buffer.from(hkdfSync('sha256', this.#secret, this.#salt, `holdfast/v1/${purpose}`, 32)));
      this.#derived.set(purpose, key);
    }
    return key;
  }

  mac(purpose: Purpose, parts: readonly (string | Uint8Array)[]): Buffer {
    const hmac = createHmac('sha256', this.key(purpose));
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }
}
