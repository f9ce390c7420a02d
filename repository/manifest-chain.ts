import pLimit from 'p-limit';
import { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest, DeletionManifest, Manifest } from '../contracts/manifest.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { liveBackups, type BackupEntry, type ChainEntry } from './chain-entries.ts';
import { inspectChain } from './chain-inspection.ts';
import { assertManifest, parseChainDocument } from './documents.ts';
import { checkedTwice, damaged, isFailure, sha256 } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import { listKeys } from './list-keys.ts';
import { manifestKey, MANIFESTS, sequenceName, sequenceOf } from './layout.ts';
import type { BoxSealer } from './sealed-box.ts';

const PARALLEL_READS = 16;
/** Somebody may delete a backup between the listing and the reading; that many times in a row is a fault of the store. */
const LISTING_ATTEMPTS = 5;
const COMMIT_ATTEMPTS = 1000;

export interface Chain {
  /** By sequence. */
  readonly entries: readonly ChainEntry[];
  readonly problems: readonly Issue[];
}

export interface CommitResult {
  readonly sequence: number;
  readonly hash: string;
}

/** The chain of manifests: what was backed up, and what of it was deleted, in an order that nobody without the key can change. */
export class ManifestChain {
  readonly #store: ObjectStore;
  readonly #sealer: BoxSealer;
  readonly #repositoryId: string;
  /** What this process has seen: a sequence that changes or vanishes without a deletion entry is a roll-back. */
  readonly #witnessed = new Map<number, string>();

  constructor(store: ObjectStore, sealer: BoxSealer, repositoryId: string) {
    this.#store = store;
    this.#sealer = sealer;
    this.#repositoryId = repositoryId;
  }

  /** Reads and checks everything. `NewerFormat` when there is an entry that this version cannot understand. */
  async read(options: CallOptions): Promise<Chain> {
    const entries = await this.#readAll(options);
    const problems = inspectChain(entries, this.#witnessed, this.#store.url);
    for (const { sequence, hash } of entries) if (!this.#witnessed.has(sequence)) this.#witnessed.set(sequence, hash);
    return { entries, problems };
  }

  /** One entry, without its place in the chain: for whoever got the sequence from a reading of the whole. `NotFound`. */
  readEntry(sequence: number, options: CallOptions): Promise<ChainEntry> {
    return this.#readOne(sequence, options);
  }

  /** Appends a backup. A run that has committed already gets its first answer; a name that is in use is `AlreadyExists`. */
  async commit(manifest: BackupManifest, options: CallOptions): Promise<CommitResult> {
    return this.#append(options, (entries) => {
      const live = liveBackups(entries);
      const earlier = live.find((entry) => entry.manifest.runId === manifest.runId);
      if (earlier) return { done: { sequence: earlier.sequence, hash: earlier.hash } };
      if (!live.some((entry) => entry.manifest.name === manifest.name)) return { append: manifest };
      throw new HoldfastError('AlreadyExists', `${this.#store.url}: there is a backup named ${manifest.name} already`, {
        advice: 'choose another name, or delete that backup first',
      });
    });
  }

  /** Appends a deletion entry for backups, or answers with undefined when there are none. */
  async appendDeletion(
    choose: (live: readonly BackupEntry[], entries: readonly ChainEntry[]) => readonly BackupEntry[],
    options: CallOptions & { readonly deletedAt: string },
  ): Promise<CommitResult | undefined> {
    const nothing = { sequence: 0, hash: '' };
    const result = await this.#append(options, (entries) => {
      const chosen = choose(liveBackups(entries), entries);
      if (chosen.length === 0) return { done: nothing };
      const deleted = chosen.map(({ sequence, hash, manifest }) => ({ sequence, hash, name: manifest.name }));
      return { append: { formatVersion: 1, type: 'deletion', deletedAt: options.deletedAt, deleted } satisfies DeletionManifest };
    });
    return result === nothing ? undefined : result;
  }

  async #append(
    options: CallOptions,
    decide: (entries: readonly ChainEntry[]) => { readonly done: CommitResult } | { readonly append: Manifest },
  ): Promise<CommitResult> {
    for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
      const { entries } = await this.read(options);
      const decision = decide(entries);
      if ('done' in decision) return decision.done;
      const last = entries.at(-1);
      const sequence = (last?.sequence ?? 0) + 1;
      const file = this.#encode(sequence, last?.hash ?? '', decision.append);
      try {
        await this.#store.create(manifestKey(sequence), file, options);
        this.#witnessed.set(sequence, sha256(file));
        return { sequence, hash: sha256(file) };
      } catch (error) {
        // Another writer took the sequence: what it wrote is the new end, and may bear our name.
        if (!isFailure(error, 'AlreadyExists')) throw error;
      }
    }
    throw new HoldfastError('Unavailable', `${this.#store.url}: too many writers commit at the same time`);
  }

  #encode(sequence: number, previousHash: string, body: Manifest): Buffer {
    assertManifest(body);
    const document = { sequence, previousHash, repositoryId: this.#repositoryId, body };
    const box = this.#sealer.seal({ kind: 'manifest', name: sequenceName(sequence) }, Buffer.from(JSON.stringify(document)), true);
    return Buffer.concat([fileHeader('M'), box]);
  }

  async #readAll(options: CallOptions): Promise<ChainEntry[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        const limit = pLimit(PARALLEL_READS);
        const sequences = (await listKeys(this.#store, MANIFESTS, options)).flatMap((key) => sequenceOf(key) ?? []);
        return await Promise.all(sequences.map((sequence) => limit(() => this.#readOne(sequence, options))));
      } catch (error) {
        if (!isFailure(error, 'NotFound') || attempt === LISTING_ATTEMPTS) throw error;
      }
    }
  }

  async #readOne(sequence: number, options: CallOptions): Promise<ChainEntry> {
    const where = `${this.#store.url}: ${manifestKey(sequence)}`;
    let hash = '';
    try {
      return await checkedTwice(async () => {
        const file = await this.#store.read(manifestKey(sequence), undefined, options);
        hash = sha256(file);
        const plain = this.#sealer.open({ kind: 'manifest', name: sequenceName(sequence) }, afterHeader('M', file, where), where);
        const document = parseChainDocument(plain, where);
        if (document.sequence !== sequence || document.repositoryId !== this.#repositoryId) throw damaged(where, 'it belongs elsewhere');
        return { sequence, hash, content: { previousHash: document.previousHash, manifest: document.body } };
      });
    } catch (error) {
      if (!isFailure(error, 'Damaged')) throw error;
      return { sequence, hash, content: { damage: error } };
    }
  }
}
