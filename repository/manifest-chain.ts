import pLimit from 'p-limit';
import { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest, DeletionManifest, Manifest } from '../contracts/manifest.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { lastEntry, liveBackups, type BackupEntry, type ChainEntry } from './chain-entries.ts';
import { inspectChain } from './chain-inspection.ts';
import { assertManifest, parseChainDocument, type ChainDocument } from './documents.ts';
import { checkedTwice, damaged, isFailure, sha256, UnknownDataKey } from './failures.ts';
import { afterHeader, fileHeader } from './file-header.ts';
import { listKeys } from './list-keys.ts';
import { manifestKey, MANIFESTS, sequenceName, sequenceOf } from './layout.ts';
import { dataKeyOf, type BoxSealer } from './sealed-box.ts';

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

/** What to append to the chain, or why there is nothing to do. */
export type ChainDecision = { readonly done: CommitResult } | { readonly append: Manifest };

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

  /**
   * Appends a backup. A run that has committed already gets its first answer; a name that is in use is `AlreadyExists`. `ready` gets the
   * chain that the backup is to follow, and fails when it cannot: it is asked again whenever the chain has grown in between.
   */
  async commit(
    manifest: BackupManifest,
    options: CallOptions & { readonly ready?: (entries: readonly ChainEntry[]) => Promise<void> },
  ): Promise<CommitResult> {
    return this.append(options, async (entries) => {
      const live = liveBackups(entries);
      const earlier = live.find((entry) => entry.manifest.runId === manifest.runId);
      if (earlier) return { done: { sequence: earlier.sequence, hash: earlier.hash } };
      if (!live.some((entry) => entry.manifest.name === manifest.name)) {
        await options.ready?.(entries);
        return { append: manifest };
      }
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
    const result = await this.append(options, (entries) => {
      const chosen = choose(liveBackups(entries), entries);
      if (chosen.length === 0) return { done: nothing };
      const deleted = chosen.map(({ sequence, hash, manifest }) => ({ sequence, hash, name: manifest.name }));
      return { append: { formatVersion: 1, type: 'deletion', deletedAt: options.deletedAt, deleted } satisfies DeletionManifest };
    });
    return result === nothing ? undefined : result;
  }

  /**
   * Appends what `decide` makes of the whole chain, right behind its last entry: when somebody else was faster, it is asked again. `sealer`
   * is for the entry that brings a new data key into use.
   */
  async append(
    options: CallOptions & { readonly sealer?: BoxSealer },
    decide: (entries: readonly ChainEntry[]) => ChainDecision | Promise<ChainDecision>,
  ): Promise<CommitResult> {
    for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
      const { entries } = await this.read(options);
      await this.#refuseWhenLeftOut(entries);
      const decision = await decide(entries);
      if ('done' in decision) return decision.done;
      const last = lastEntry(entries);
      const sequence = (last?.sequence ?? 0) + 1;
      const file = this.#encode({ sequence, previousHash: last?.hash ?? '', body: decision.append }, options.sealer ?? this.#sealer);
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

  /**
   * Left out of a rotation, we would write what nobody accepts. But anybody can put rubbish there that looks like a new data key: it must
   * not keep those from writing whose key files are there.
   */
  async #refuseWhenLeftOut(entries: readonly ChainEntry[]): Promise<void> {
    const last = lastEntry(entries)?.content;
    if (last && 'damage' in last && last.damage instanceof UnknownDataKey && !(await this.#sealer.keys.isHolder())) {
      throw new HoldfastError('WrongKey', last.damage.message, {
        advice: 'give a key that was not left out of the last "holdfast keys rotate"',
      });
    }
  }

  #encode({ sequence, previousHash, body }: Omit<ChainDocument, 'repositoryId'>, sealer: BoxSealer): Buffer {
    assertManifest(body);
    const document = { sequence, previousHash, repositoryId: this.#repositoryId, body };
    const box = sealer.seal({ kind: 'manifest', name: sequenceName(sequence) }, Buffer.from(JSON.stringify(document)), true);
    return Buffer.concat([fileHeader('M'), box]);
  }

  async #readAll(options: CallOptions): Promise<ChainEntry[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        const limit = pLimit(PARALLEL_READS);
        const sequences = (await listKeys(this.#store, MANIFESTS, options)).flatMap((key) => sequenceOf(key) ?? []);
        const { newest } = this.#sealer.keys;
        const entries = await Promise.all(sequences.map((sequence) => limit(() => this.#readOne(sequence, options))));
        // A new data key that was met on the way says more about the other entries.
        if (this.#sealer.keys.newest === newest || attempt === LISTING_ATTEMPTS) return entries;
      } catch (error) {
        if (!isFailure(error, 'NotFound') || attempt === LISTING_ATTEMPTS) throw error;
      }
    }
  }

  /** Whoever held a key that was taken away has the older data keys still, and must not pass for a writer. */
  #checkDataKey(number: number, { sequence, body }: ChainDocument, where: string): void {
    if (body.type === 'rotation') {
      if (body.number !== number) throw damaged(where, 'it names another data key than the one that it is sealed with');
      this.#sealer.keys.countsFrom(number, sequence);
    }
    if (number < this.#sealer.keys.requiredFor(sequence)) {
      throw damaged(where, 'it is sealed with a data key that was replaced before: somebody wrote it with a key that was taken away');
    }
  }

  async #readOne(sequence: number, options: CallOptions): Promise<ChainEntry> {
    const where = `${this.#store.url}: ${manifestKey(sequence)}`;
    let hash = '';
    try {
      return await checkedTwice(async () => {
        const file = await this.#store.read(manifestKey(sequence), undefined, options);
        hash = sha256(file);
        const box = afterHeader('M', file, where);
        const document = parseChainDocument(this.#sealer.open({ kind: 'manifest', name: sequenceName(sequence) }, box, where), where);
        this.#checkDataKey(dataKeyOf(box), document, where);
        if (document.sequence !== sequence || document.repositoryId !== this.#repositoryId) throw damaged(where, 'it belongs elsewhere');
        return { sequence, hash, content: { previousHash: document.previousHash, manifest: document.body } };
      });
    } catch (error) {
      if (!isFailure(error, 'Damaged')) throw error;
      return { sequence, hash, content: { damage: error } };
    }
  }
}
