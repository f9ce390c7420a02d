import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Kinds of encrypted content; each has keys of its own, so that one can never pass for another. */
export type BoxKind = 'segment' | 'trailer' | 'index' | 'manifest' | 'record';

type Purpose = 'segment/id' | 'record/id' | 'config/mac' | `${BoxKind}/data` | `${BoxKind}/nonce`;

export const MASTER_KEY_BYTES = 32;
const REPOSITORY_ID = /^[0-9a-f]{32}$/;

/** Whether a text has the form of a repository id: 128 bits, hexadecimal. */
export function isRepositoryId(id: string): boolean {
  return REPOSITORY_ID.test(id);
}

/** The keys of one repository, derived from its master key on first use. Never leaves the process, never appears in messages. */
export class KeyMaterial {
  readonly repositoryId: string;
  readonly #masterKey: Buffer;
  readonly #derived = new Map<Purpose, KeyObject>();

  constructor(repositoryId: string, masterKey: Buffer) {
    this.repositoryId = repositoryId;
    this.#masterKey = masterKey;
  }

  /** 32 bytes for one purpose, as a key object: importing raw bytes for every frame would cost as much as hashing it. */
  key(purpose: Purpose): KeyObject {
    let key = this.#derived.get(purpose);
    if (!key) {
      const salt = Buffer.from(this.repositoryId, 'hex');
      key = createSecretKey(Buffer.from(hkdfSync('sha256', this.#masterKey, salt, `holdfast/v1/${purpose}`, 32)));
      this.#derived.set(purpose, key);
    }
    return key;
  }

  /** HMAC-SHA256 of the parts, one after the other. */
  mac(purpose: Purpose, ...parts: readonly (string | Uint8Array)[]): Buffer {
    const hmac = createHmac('sha256', this.key(purpose));
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  /** Compares a stored mac in constant time. */
  verifies(purpose: Purpose, message: string, hex: string): boolean {
    const stored = Buffer.from(hex, 'hex');
    const right = this.mac(purpose, message);
    return stored.length === right.length && timingSafeEqual(stored, right);
  }
}
