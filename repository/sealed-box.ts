import { createCipheriv, createDecipheriv } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { compress, compressAside } from './compression.ts';
import { damaged, isFailure, newerFormat, UnknownDataKey } from './failures.ts';
import type { BoxKeys, BoxKind, KeyMaterial } from './key-material.ts';

const Codec = { Plain: 0, Zstd: 1, ZstdPadded: 2 } as const;
/** The first byte of a box is the number of its data key times this, plus its codec. */
const CODECS = 16;
const HEAD_BYTES = 5;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BODY_OFFSET = HEAD_BYTES + NONCE_BYTES;
const PADDING_BYTES = 4096;
/** No content of ours comes near it; a larger one is a mistake, whoever made it. */
const MAX_PLAIN_BYTES = 1024 ** 3;
/** Fast, and for Kubernetes' JSON nearly as small as slower ones. */
const DEFAULT_LEVEL = 1;

/** What a box is bound to: opened as another kind or under another name, it does not authenticate. */
export interface BoxLabel {
  readonly kind: BoxKind;
  /** '' where the hash of the file is its name. */
  readonly name: string;
}

/**
 * Compresses, encrypts and authenticates; docs/repository-format.md, "Box", has the layout and says why the nonce may be computed from the
 * content. Equal content under an equal label makes equal bytes, as long as the repository gets no new data key.
 */
export class BoxSealer {
  readonly keys: KeyMaterial;
  readonly #level: number;

  /** `level`: zstd's, 1 to 19. Readers need not know it. */
  constructor(keys: KeyMaterial, level = DEFAULT_LEVEL) {
    this.#level = level;
    this.keys = keys;
  }

  /** `pad` hides the exact size, for documents whose size says something about their content. */
  seal(label: BoxLabel, plain: Uint8Array, pad = false): Buffer {
    if (plain.byteLength > MAX_PLAIN_BYTES) throw new RangeError(`a box of ${plain.byteLength} bytes`);
    const compressed = compress(plain, this.#level);
    return this.#encrypt(label, plain.byteLength, pad ? padded(compressed) : smaller(plain, compressed));
  }

  /** The same box, compressed in another thread. `plain` must stay as it is until it is there. */
  async sealAside(label: BoxLabel, plain: Uint8Array): Promise<Buffer> {
    if (plain.byteLength > MAX_PLAIN_BYTES) throw new RangeError(`a box of ${plain.byteLength} bytes`);
    return this.#encrypt(label, plain.byteLength, smaller(plain, await compressAside(plain, this.#level)));
  }

  #encrypt(label: BoxLabel, plainBytes: number, { codec, payload }: Packed): Buffer {
    const keys = this.keys.newest;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(keys.dataKey.number * CODECS + codec, 0);
    head.writeUInt32BE(plainBytes, 1);
    const bound = this.#additionalData(label, head);
    const nonce = keys.mac(`${label.kind}/nonce`, bound, payload).subarray(0, NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', keys.key(`${label.kind}/data`), nonce);
    cipher.setAAD(bound);
    return Buffer.concat([head, nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  }

  /**
   * The plain bytes, or `Damaged`, naming `where`. Nothing is looked at before it is authenticated. When it may be sealed with a data key
   * that another process has made, the failure is an `UnknownDataKey`.
   */
  open(label: BoxLabel, box: Buffer, where: string): Buffer {
    if (box.length < BODY_OFFSET + TAG_BYTES) throw damaged(where, 'it is too short');
    const head = box.subarray(0, HEAD_BYTES);
    const payload = this.#openWithAny(label, box, where);
    const codec = head.readUInt8(0) % CODECS;
    const plainBytes = head.readUInt32BE(1);
    if (codec > Codec.ZstdPadded) throw newerFormat(where, `codec ${codec}`);
    if (plainBytes > MAX_PLAIN_BYTES) throw damaged(where, 'it claims an impossible size');
    const plain = unpack(codec, payload, { plainBytes, where });
    if (plain.length !== plainBytes) throw damaged(where, 'its size is not the recorded one');
    return plain;
  }

  #openWithAny(label: BoxLabel, box: Buffer, where: string): Buffer {
    const number = dataKeyOf(box);
    for (const keys of this.keys.candidates(number)) {
      try {
        const payload = this.#decrypt(label, box, { keys, where });
        this.keys.confirm(keys);
        return payload;
      } catch (error) {
        if (!isFailure(error, 'Damaged') || this.keys.isDecided(number)) throw error;
      }
    }
    throw new UnknownDataKey(where, number, this.keys);
  }

  #decrypt(label: BoxLabel, box: Buffer, from: { readonly keys: BoxKeys; readonly where: string }): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', from.keys.key(`${label.kind}/data`), box.subarray(HEAD_BYTES, BODY_OFFSET), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(this.#additionalData(label, box.subarray(0, HEAD_BYTES)));
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const payload = decipher.update(box.subarray(BODY_OFFSET, -TAG_BYTES));
    try {
      decipher.final();
    } catch {
      throw damaged(from.where, 'it does not authenticate');
    }
    return payload;
  }

  #additionalData(label: BoxLabel, head: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`holdfast/v1/${label.kind}/${this.keys.repositoryId}/${label.name}/`), head]);
  }
}

/** Number of the data key that a box says it is sealed with; true when the box has been opened. */
export function dataKeyOf(box: Buffer): number {
  return Math.floor(box.readUInt8(0) / CODECS);
}

interface Packed {
  readonly codec: number;
  readonly payload: Uint8Array;
}

function smaller(plain: Uint8Array, compressed: Buffer): Packed {
  return compressed.length < plain.byteLength ? { codec: Codec.Zstd, payload: compressed } : { codec: Codec.Plain, payload: plain };
}

function padded(compressed: Buffer): Packed {
  const payload = Buffer.alloc(Math.ceil((4 + compressed.length) / PADDING_BYTES) * PADDING_BYTES);
  payload.writeUInt32BE(compressed.length);
  payload.set(compressed, 4);
  return { codec: Codec.ZstdPadded, payload };
}

function unpack(codec: number, payload: Buffer, expected: { readonly plainBytes: number; readonly where: string }): Buffer {
  if (codec === Codec.Plain) return payload;
  try {
    const compressed = codec === Codec.Zstd ? payload : payload.subarray(4, 4 + payload.readUInt32BE(0));
    return zstdDecompressSync(compressed, { maxOutputLength: Math.max(1, expected.plainBytes) });
  } catch (cause) {
    throw damaged(expected.where, 'it does not decompress to the recorded size', cause);
  }
}
