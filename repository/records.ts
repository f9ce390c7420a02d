import pLimit from 'p-limit';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { parseRecord } from './documents.ts';
import { checkedTwice, damaged, isFailure } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import type { KeyMaterial } from './key-material.ts';
import { hexNameOf, recordKey, RECORDS } from './layout.ts';
import { listKeys } from './list-keys.ts';
import type { BoxSealer } from './sealed-box.ts';

const PARALLEL_READS = 16;

export interface StoredRecord {
  readonly kind: string;
  readonly id: string;
  /** As it was given to `write`; its shape is its writer's business. */
  readonly body: unknown;
}

/** Accounts of runs other than backups: small encrypted documents, written once. */
export class Records {
  readonly #store: ObjectStore;
  readonly #keys: KeyMaterial;
  readonly #sealer: BoxSealer;

  constructor(store: ObjectStore, keys: KeyMaterial, sealer: BoxSealer) {
    this.#store = store;
    this.#keys = keys;
    this.#sealer = sealer;
  }

  /** Repeating it with the same body succeeds; with another one it is `AlreadyExists`. */
  async write(record: StoredRecord, options: CallOptions): Promise<void> {
    const name = this.#nameOf(record.kind, record.id);
    const plain = Buffer.from(JSON.stringify(record));
    const bytes = Buffer.concat([fileHeader('R'), this.#sealer.seal({ kind: 'record', name }, plain, true)]);
    try {
      await this.#store.create(recordKey(name), bytes, options);
    } catch (error) {
      if (!isFailure(error, 'AlreadyExists')) throw error;
      // It may have been written before the repository got a new data key: equal content is the equal record, not equal bytes.
      if (JSON.stringify((await this.#open(name, options)).body) === JSON.stringify(record.body)) return;
      throw new HoldfastError('AlreadyExists', `${this.#store.url}: there is another account of ${record.kind} ${record.id}`, {
        cause: error,
      });
    }
  }

  async read(kind: string, id: string, options: CallOptions): Promise<StoredRecord> {
    try {
      return await this.#open(this.#nameOf(kind, id), options);
    } catch (error) {
      if (!isFailure(error, 'NotFound')) throw error;
      throw new HoldfastError('NotFound', `${this.#store.url}: there is no account of ${kind} ${id}`, { cause: error });
    }
  }

  /** All of one kind, by id. */
  async list(kind: string, options: CallOptions): Promise<StoredRecord[]> {
    const limit = pLimit(PARALLEL_READS);
    const names = (await listKeys(this.#store, RECORDS, options)).flatMap((key) => hexNameOf(key) ?? []);
    const all = await Promise.all(names.map((name) => limit(() => this.#open(name, options))));
    return all.filter((record) => record.kind === kind).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #open(name: string, options: CallOptions): Promise<StoredRecord> {
    return openRecord({ store: this.#store, keys: this.#keys, sealer: this.#sealer }, name, options);
  }

  #nameOf(kind: string, id: string): string {
    return recordName(this.#keys, kind, id);
  }
}

/** Reads the record of that name, 64 hexadecimal digits. `Damaged`, `NotFound`. */
export async function openRecord(
  parts: { readonly store: ObjectStore; readonly keys: KeyMaterial; readonly sealer: BoxSealer },
  name: string,
  options: CallOptions,
): Promise<StoredRecord> {
  const { store, keys, sealer } = parts;
  const where = `${store.url}: ${recordKey(name)}`;
  return checkedTwice(async () => {
    const file = await store.read(recordKey(name), undefined, options);
    const record = parseRecord(sealer.open({ kind: 'record', name }, afterHeader('R', file, where), where), where);
    if (recordName(keys, record.kind, record.id) !== name) throw damaged(where, 'it is the account of another run');
    return { kind: record.kind, id: record.id, body: record.body };
  });
}

/** The 64 hexadecimal digits that name a record. */
export function recordName(keys: KeyMaterial, kind: string, id: string): string {
  return keys.mac('record/id', kind, '\0', id).toString('hex');
}
